package quorate.interop.curator;

import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;

/** {@link DistributedBarrier}: nobody passes before it is removed, everybody does then. */
final class Barrier extends Recipe {
    private static final int WAITERS = 3;
    private static final int WAIT_SECONDS = 20;

    private Team team;
    private int count;

    Barrier() {
        super("barrier", 1);
    }

    @Override
    void prepare(CuratorFramework client) {
        team = new Team(site(), WAITERS);
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        String path = folder() + "/barrier-" + count++;
        DistributedBarrier barrier = new DistributedBarrier(client, path);
        barrier.setBarrier();
        AtomicBoolean removed = new AtomicBoolean();
        List<Future<?>> waiting = team.start(waiter -> {
            // A waiter whose server has not heard of the barrier yet would pass.
            sync(waiter, path);
            if (!new DistributedBarrier(waiter, path).waitOnBarrier(WAIT_SECONDS, TimeUnit.SECONDS)) {
                wrong("barrier %s stayed closed", path);
            } else if (!removed.get()) {
                wrong("somebody passed the closed barrier %s", path);
            }
        });
        Thread.sleep(10);
        removed.set(true);
        barrier.removeBarrier();
        Team.join(waiting);
    }

    @Override
    void finish(CuratorFramework client) {
        team.close();
    }
}
