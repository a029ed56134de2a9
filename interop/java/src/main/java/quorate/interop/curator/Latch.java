package quorate.interop.curator;

import java.util.Comparator;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;

/** {@link LeaderLatch}: everybody leads at some time, and no two at the same. */
final class Latch extends Recipe {
    private static final int CONTENDERS = 3;

    private final Queue<Term> terms = new ConcurrentLinkedQueue<>();
    private final Set<Integer> leaders = ConcurrentHashMap.newKeySet();

    private record Term(long begin, long end) {}

    Latch() {
        super("leader-latch", CONTENDERS);
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        try (LeaderLatch latch = new LeaderLatch(client, folder() + "/latch", "contender-" + contender)) {
            latch.start();
            while (!latch.await(1, TimeUnit.SECONDS)) {
                if (site().stopped()) {
                    return;
                }
            }
            lead(latch, contender);
        }
    }

    /** A term counts if the same znode led at its beginning and at its end: then it did in between. */
    private void lead(LeaderLatch latch, int contender) throws InterruptedException {
        String path = latch.getOurPath();
        boolean led = latch.hasLeadership();
        long begin = System.nanoTime();
        Thread.sleep(3);
        long end = System.nanoTime();
        if (led && latch.hasLeadership() && path.equals(latch.getOurPath())) {
            terms.add(new Term(begin, end));
            leaders.add(contender);
        }
    }

    @Override
    void finish(CuratorFramework client) {
        List<Term> inOrder = terms.stream().sorted(Comparator.comparingLong(Term::begin)).toList();
        for (int at = 1; at < inOrder.size(); at++) {
            if (inOrder.get(at).begin() < inOrder.get(at - 1).end()) {
                wrong("two led at the same time, in terms %d and %d", at - 1, at);
            }
        }
        if (leaders.size() < CONTENDERS) {
            wrong("only %s led", leaders);
        }
    }
}
