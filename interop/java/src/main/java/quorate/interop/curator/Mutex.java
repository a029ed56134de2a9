package quorate.interop.curator;

import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.zookeeper.KeeperException;

/**
 * {@link InterProcessMutex}: its holders never overlap, and a counter that only they write, without looking at its
 * version, loses no increment.
 */
final class Mutex extends Recipe {
    private final Crowd crowd = new Crowd(this, 1);
    private final AtomicInteger counted = new AtomicInteger();
    private final AtomicInteger unknown = new AtomicInteger();

    Mutex() {
        super("mutex", 4);
    }

    @Override
    void prepare(CuratorFramework client) throws Exception {
        client.create().forPath(counter(), bytes(0));
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        InterProcessMutex mutex = new InterProcessMutex(client, folder() + "/lock");
        mutex.acquire();
        try {
            crowd.enter();
            try {
                count(client);
            } finally {
                crowd.leave();
            }
        } finally {
            mutex.release();
        }
    }

    private void count(CuratorFramework client) throws Exception {
        byte[] next = bytes(number(client.getData().forPath(counter())) + 1);
        try {
            client.setData().forPath(counter(), next);
            counted.incrementAndGet();
        } catch (KeeperException.ConnectionLossException error) {
            unknown.incrementAndGet();
        }
    }

    @Override
    void finish(CuratorFramework client) throws Exception {
        sync(client, counter());
        int value = number(client.getData().forPath(counter()));
        if (value < counted.get() || value > counted.get() + unknown.get()) {
            wrong("the counter is %d after %d increments, %d more are unknown", value, counted.get(), unknown.get());
        }
        held(counter(), Integer.toString(value));
    }

    private String counter() {
        return folder() + "/counter";
    }
}
