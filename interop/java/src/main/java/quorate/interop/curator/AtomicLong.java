package quorate.interop.curator;

import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.retry.RetryNTimes;

/** {@link DistributedAtomicLong}, optimistic first, then with its lock: no increment is lost. */
final class AtomicLong extends Recipe {
    private static final int CONTENDERS = 3;

    private final Numbers numbers = new Numbers(this);

    AtomicLong() {
        super("atomic-long", CONTENDERS);
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        AtomicValue<Long> value = number(client).increment();
        if (value.succeeded()) {
            numbers.made(value.postValue());
        }
    }

    private DistributedAtomicLong number(CuratorFramework client) {
        PromotedToLock lock = PromotedToLock.builder()
                .lockPath(folder() + "/lock")
                .retryPolicy(new RetryNTimes(5, 5))
                .build();
        return new DistributedAtomicLong(client, folder() + "/number", new RetryNTimes(3, 5), lock);
    }

    @Override
    void finish(CuratorFramework client) throws Exception {
        sync(client, folder());
        numbers.compare(number(client).get().postValue(), site().suspended() * CONTENDERS);
    }
}
