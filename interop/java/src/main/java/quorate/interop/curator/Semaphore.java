package quorate.interop.curator;

import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;

/** {@link InterProcessSemaphoreV2}: so many leases and no more. */
final class Semaphore extends Recipe {
    private static final int LEASES = 2;
    // Longer than an acquisition, which Curator makes one at a time.
    private static final int HOLD_MS = 50;

    private final Crowd crowd = new Crowd(this, LEASES);

    Semaphore() {
        super("semaphore", 4);
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, folder() + "/leases", LEASES);
        Lease lease = semaphore.acquire();
        try {
            crowd.enter();
            Thread.sleep(HOLD_MS);
            crowd.leave();
        } finally {
            semaphore.returnLease(lease);
        }
    }

    @Override
    void finish(CuratorFramework client) {
        if (crowd.most() < LEASES) {
            wrong("at most %d leases were out", crowd.most());
        }
    }
}
