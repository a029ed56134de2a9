package quorate.interop.curator;

import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** Waiting with a deadline. */
final class Waiting {
    private static final long PAUSE_MS = 5;

    private Waiting() {}

    /** Whether {@code condition} comes true within so many seconds. */
    static boolean until(int seconds, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                return false;
            }
            Thread.sleep(PAUSE_MS);
        }
        return true;
    }
}
