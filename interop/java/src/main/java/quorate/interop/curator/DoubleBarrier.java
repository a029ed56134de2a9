package quorate.interop.curator;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.zookeeper.KeeperException;

/**
 * {@link DistributedDoubleBarrier}: nobody is in before all have come, nobody is out before all have gone.
 *
 * <p>Each round has a barrier of its own, because Curator's class does not survive a lost connection: its create is not
 * protected, so that one whose answer is lost ends as "node exists" and the others wait in vain; and it takes the news of
 * a reconnect for that of the barrier, and lets its member in.
 */
final class DoubleBarrier extends Recipe {
    private static final int MEMBERS = 3;
    private static final int WAIT_SECONDS = 8;
    private static final int NEWS_OF_A_LOST_CONNECTION_MS = 500;

    private Team team;
    private int count;

    DoubleBarrier() {
        super("double-barrier", 1);
    }

    @Override
    void prepare(CuratorFramework client) {
        team = new Team(site(), MEMBERS);
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        int suspended = site().suspended();
        String path = folder() + "/barrier-" + count++;
        AtomicInteger coming = new AtomicInteger();
        AtomicInteger going = new AtomicInteger();
        Queue<String> early = new ConcurrentLinkedQueue<>();
        Team.join(team.start(member -> {
            DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(member, path, MEMBERS);
            coming.incrementAndGet();
            expectDone(barrier.enter(WAIT_SECONDS, TimeUnit.SECONDS), path);
            if (coming.get() < MEMBERS) {
                early.add("a member entered before all had come");
            }
            going.incrementAndGet();
            expectDone(barrier.leave(WAIT_SECONDS, TimeUnit.SECONDS), path);
            if (going.get() < MEMBERS) {
                early.add("a member left before all had gone");
            }
        }));
        // One that gave up waiting counts as gone, which has thrown here.
        if (!early.isEmpty()) {
            Thread.sleep(NEWS_OF_A_LOST_CONNECTION_MS);
            if (site().suspended() == suspended) {
                early.forEach(this::wrong);
            }
        }
    }

    private static void expectDone(boolean done, String path) throws KeeperException {
        if (!done) {
            throw new KeeperException.OperationTimeoutException();
        }
    }

    @Override
    void finish(CuratorFramework client) {
        team.close();
    }
}
