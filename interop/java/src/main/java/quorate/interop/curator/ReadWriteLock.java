package quorate.interop.curator;

import java.util.concurrent.ThreadLocalRandom;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;

/** {@link InterProcessReadWriteLock}: writers are alone, readers are among readers and never see half of a write. */
final class ReadWriteLock extends Recipe {
    private static final int CONTENDERS = 5;

    private final Crowd writers = new Crowd(this, 1);
    private final Crowd readers = new Crowd(this, CONTENDERS);

    ReadWriteLock() {
        super("read-write-lock", CONTENDERS);
    }

    @Override
    void prepare(CuratorFramework client) throws Exception {
        client.create().forPath(left(), bytes(0));
        client.create().forPath(right(), bytes(0));
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        InterProcessReadWriteLock lock = new InterProcessReadWriteLock(client, folder() + "/lock");
        if (ThreadLocalRandom.current().nextInt(3) == 0) {
            lock.writeLock().acquire();
            try {
                write(client);
            } finally {
                lock.writeLock().release();
            }
        } else {
            lock.readLock().acquire();
            try {
                read(client);
            } finally {
                lock.readLock().release();
            }
        }
    }

    private void write(CuratorFramework client) throws Exception {
        writers.enter();
        try {
            expectNone(readers, "readers beside a writer");
            byte[] next = bytes(number(client.getData().forPath(left())) + 1);
            client.setData().forPath(left(), next);
            client.setData().forPath(right(), next);
        } finally {
            writers.leave();
        }
    }

    private void read(CuratorFramework client) throws Exception {
        readers.enter();
        try {
            expectNone(writers, "a writer beside readers");
            String seenLeft = text(client.getData().forPath(left()));
            String seenRight = text(client.getData().forPath(right()));
            if (!seenLeft.equals(seenRight)) {
                wrong("a reader saw half of a write: %s and %s", seenLeft, seenRight);
            }
        } finally {
            readers.leave();
        }
    }

    private void expectNone(Crowd crowd, String what) {
        if (crowd.inside() > 0) {
            wrong(what);
        }
    }

    @Override
    void finish(CuratorFramework client) {
        if (readers.most() < 2) {
            wrong("readers never shared the lock");
        }
    }

    private String left() {
        return folder() + "/left";
    }

    private String right() {
        return folder() + "/right";
    }
}
