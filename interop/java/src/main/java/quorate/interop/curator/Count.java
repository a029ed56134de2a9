package quorate.interop.curator;

import java.util.ArrayList;
import java.util.List;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;

/** {@link SharedCount}: of those who count from the same version one succeeds, and all hear of it. */
final class Count extends Recipe {
    private static final int CONTENDERS = 3;
    private static final int HEAR_SECONDS = 15;

    private final Numbers numbers = new Numbers(this);
    private final List<SharedCount> counts = new ArrayList<>();

    Count() {
        super("shared-count", CONTENDERS);
    }

    @Override
    void prepare(CuratorFramework client) throws Exception {
        for (int contender = 0; contender < CONTENDERS; contender++) {
            SharedCount count = new SharedCount(site().client(contender), folder() + "/count", 0);
            count.start();
            counts.add(count);
        }
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        SharedCount count = counts.get(contender);
        VersionedValue<Integer> before = count.getVersionedValue();
        if (count.trySetCount(before, before.getValue() + 1)) {
            numbers.made(before.getValue() + 1);
        }
        Thread.sleep(2);
    }

    @Override
    void finish(CuratorFramework client) throws Exception {
        sync(client, folder());
        SharedCount fresh = new SharedCount(client, folder() + "/count", 0);
        fresh.start();
        int last = fresh.getCount();
        fresh.close();
        numbers.compare(last, site().suspended() * CONTENDERS);
        for (SharedCount count : counts) {
            if (!Waiting.until(HEAR_SECONDS, () -> count.getCount() == last)) {
                wrong("a listener stayed at %d, the count is %d", count.getCount(), last);
            }
            count.close();
        }
    }
}
