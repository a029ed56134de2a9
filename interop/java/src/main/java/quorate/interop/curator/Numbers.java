package quorate.interop.curator;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What contenders were told about increments of one number. Each success must have made another value. The number may
 * be larger than there were successes, when an increment whose answer was lost took effect all the same.
 */
final class Numbers {
    private final Recipe recipe;
    private final Set<Long> made = ConcurrentHashMap.newKeySet();

    Numbers(Recipe recipe) {
        this.recipe = recipe;
    }

    void made(long value) {
        if (!made.add(value)) {
            recipe.wrong("two increments were told that they had made %d", value);
        }
    }

    /** Compares with the number in the end. Each lost connection may hide at most one increment of each contender. */
    void compare(long last, int hiddenMax) {
        if (last < made.size() || last > made.size() + hiddenMax) {
            recipe.wrong("%d after %d increments, of at most %d more nothing was heard", last, made.size(), hiddenMax);
        }
    }
}
