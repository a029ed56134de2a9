package quorate.interop.curator;

import java.util.concurrent.atomic.AtomicInteger;

/** Those who are inside at the same time, of whom there may be only so many. */
final class Crowd {
    private final Recipe recipe;
    private final int max;
    private final AtomicInteger inside = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();

    Crowd(Recipe recipe, int max) {
        this.recipe = recipe;
        this.max = max;
    }

    void enter() {
        int now = inside.incrementAndGet();
        most.accumulateAndGet(now, Math::max);
        if (now > max) {
            recipe.wrong("%d were inside where %d may be", now, max);
        }
    }

    void leave() {
        inside.decrementAndGet();
    }

    int inside() {
        return inside.get();
    }

    /** The most who have been inside at once: less than allowed means that nobody contended. */
    int most() {
        return most.get();
    }
}
