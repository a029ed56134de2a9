package quorate.interop.curator;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;

/** {@link LeaderSelector}, requeued for ever: everybody leads at some time, and no two at the same. */
final class Selector extends Recipe {
    private static final int CONTENDERS = 3;

    private final Crowd leaders = new Crowd(this, 1);
    private final Set<Integer> led = ConcurrentHashMap.newKeySet();
    private final List<LeaderSelector> selectors = new ArrayList<>();

    Selector() {
        // The selectors have threads of their own.
        super("leader-selector", 0);
    }

    @Override
    void prepare(CuratorFramework client) {
        for (int contender = 0; contender < CONTENDERS; contender++) {
            selectors.add(selector(contender));
        }
        selectors.forEach(LeaderSelector::start);
    }

    private LeaderSelector selector(int contender) {
        String path = folder() + "/leader";
        LeaderSelector selector = new LeaderSelector(site().client(contender), path, new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework client) throws Exception {
                leaders.enter();
                try {
                    Thread.sleep(3);
                    led.add(contender);
                    countRound();
                } finally {
                    leaders.leave();
                }
            }
        });
        selector.autoRequeue();
        return selector;
    }

    @Override
    void round(CuratorFramework client, int contender) {
        throw new AssertionError("it has no contenders");
    }

    @Override
    void finish(CuratorFramework client) {
        selectors.forEach(LeaderSelector::close);
        if (led.size() < CONTENDERS) {
            wrong("only %s led", led);
        }
    }
}
