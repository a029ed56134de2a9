package quorate.interop.curator;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.retry.BoundedExponentialBackoffRetry;
import org.apache.zookeeper.KeeperException;

/**
 * Contends for what programs in other languages contend for, too, until its standard input ends, and tells what it held,
 * a JSON object a line.
 */
public final class Contender {
    private static final int CONTENDERS = 2;
    private static final int SESSION_TIMEOUT_MS = 20_000;
    private static final int CONNECT_TIMEOUT_MS = 15_000;
    private static final int HOLD_MS = 3;

    private static volatile boolean stopped;

    private final CuratorFramework client;
    private final String recipe;
    private final String path;
    private int round;

    private Contender(CuratorFramework client, String folder, String recipe, int round) {
        this.client = client;
        this.recipe = recipe;
        this.path = folder + "/" + recipe;
        this.round = round;
    }

    /** The servers, the folder of all recipes, the recipes. */
    public static void main(String[] arguments) throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (String recipe : List.of(arguments).subList(2, arguments.length)) {
            for (int number = 0; number < CONTENDERS; number++) {
                CuratorFramework client = CuratorFrameworkFactory.newClient(
                        arguments[0],
                        SESSION_TIMEOUT_MS,
                        CONNECT_TIMEOUT_MS,
                        new BoundedExponentialBackoffRetry(20, 200, 150));
                client.start();
                Contender contender = new Contender(client, arguments[1], recipe, number);
                Thread thread = new Thread(contender::run);
                thread.start();
                threads.add(thread);
            }
        }
        while (System.in.read() >= 0) {
            // Only its end says anything.
        }
        stopped = true;
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private void run() {
        try (client) {
            while (!stopped) {
                try {
                    play();
                } catch (KeeperException.ConnectionLossException lost) {
                    // Curator gives up for want of a connection; what it held is released, or goes with the session.
                }
                round++;
            }
        } catch (Exception error) {
            error.printStackTrace();
            System.exit(1);
        }
    }

    private void play() throws Exception {
        switch (recipe) {
            case "lock" -> lock(new InterProcessMutex(client, path), "alone");
            case "read-write-lock" -> {
                InterProcessReadWriteLock both = new InterProcessReadWriteLock(client, path);
                boolean writes = round % 3 == 0;
                lock(writes ? both.writeLock() : both.readLock(), writes ? "alone" : "shared");
            }
            case "semaphore" -> lease();
            case "leader-latch" -> latch();
            case "leader-selector" -> select();
            default -> throw new IllegalArgumentException("no recipe " + recipe);
        }
    }

    private void lock(InterProcessLock lock, String how) throws Exception {
        lock.acquire();
        try {
            hold(how, () -> true);
        } finally {
            lock.release();
        }
    }

    private void lease() throws Exception {
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, 2);
        Lease lease = semaphore.acquire();
        try {
            hold("lease", () -> true);
        } finally {
            semaphore.returnLease(lease);
        }
    }

    private void latch() throws Exception {
        try (LeaderLatch latch = new LeaderLatch(client, path, "java")) {
            latch.start();
            while (!latch.await(1, TimeUnit.SECONDS)) {
                if (stopped) {
                    return;
                }
            }
            String znode = latch.getOurPath();
            // A latch that loses its connection leads no longer, and may again with another znode.
            if (latch.hasLeadership()) {
                hold("alone", () -> latch.hasLeadership() && znode.equals(latch.getOurPath()));
            }
        }
    }

    private void select() throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        LeaderSelectorListenerAdapter listener = new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework of) throws Exception {
                try {
                    hold("alone", () -> true);
                } catch (InterruptedException | KeeperException.ConnectionLossException lost) {
                    // It leads no longer.
                } finally {
                    done.countDown();
                }
            }
        };
        try (LeaderSelector selector = new LeaderSelector(client, path, listener)) {
            selector.setId("java");
            selector.start();
            while (!done.await(1, TimeUnit.SECONDS)) {
                if (stopped) {
                    return;
                }
                selector.requeue();
            }
        }
    }

    /**
     * Counts what is held alone, in a znode that only holders write: under locks, since Curator's leaders may still write while
     * they are told that they lead no longer. Tells of what was held to the end.
     */
    private void hold(String how, Callable<Boolean> held) throws Exception {
        long begin = System.currentTimeMillis();
        String counted = how.equals("alone") && recipe.endsWith("lock") ? count() : "false";
        Thread.sleep(HOLD_MS);
        long end = System.currentTimeMillis();
        // What was lost in between has been counted all the same.
        String as = held.call() ? how : "nothing";
        print(String.format(
                Locale.ROOT,
                "{\"recipe\":\"%s\",\"how\":\"%s\",\"begin\":%d,\"end\":%d,\"counted\":%s}",
                recipe, as, begin, end, counted));
    }

    private String count() throws Exception {
        String counter = path + "-counter";
        int number = Integer.parseInt(new String(client.getData().forPath(counter)));
        try {
            client.setData().forPath(counter, Integer.toString(number + 1).getBytes());
            return "true";
        } catch (KeeperException.ConnectionLossException error) {
            return "null";
        }
    }

    private static synchronized void print(String line) throws IOException {
        System.out.println(line);
        System.out.flush();
    }
}
