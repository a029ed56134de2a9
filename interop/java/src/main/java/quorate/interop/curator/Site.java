package quorate.interop.curator;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.BoundedExponentialBackoffRetry;

/** Where the recipes run: clients that they share, as those of one application would, and a folder for each recipe. */
final class Site implements AutoCloseable {
    private static final int CLIENTS = 4;
    private static final int SESSION_TIMEOUT_MS = 20_000;
    private static final int CONNECT_TIMEOUT_MS = 15_000;

    private static final int NEWS_MS = 500;
    private static final int NEWS_STEP_MS = 10;

    private final String hosts;
    private final String base = "/curator-" + System.nanoTime();
    private final AtomicInteger suspended = new AtomicInteger();
    private final AtomicInteger disturbances = new AtomicInteger();
    private final AtomicInteger lost = new AtomicInteger();
    private final List<CuratorFramework> clients;
    private volatile boolean stopped;

    Site(String hosts) {
        this.hosts = hosts;
        clients = Stream.generate(this::watchedClient).limit(CLIENTS).toList();
    }

    /** One of the shared clients. */
    CuratorFramework client(int number) {
        return clients.get(number % CLIENTS);
    }

    List<CuratorFramework> clients() {
        return clients;
    }

    /** A client of the caller's own, whose session it may end. The caller closes it. */
    CuratorFramework ownClient() {
        CuratorFramework client = CuratorFrameworkFactory.newClient(
                hosts, SESSION_TIMEOUT_MS, CONNECT_TIMEOUT_MS, new BoundedExponentialBackoffRetry(20, 200, 150));
        client.start();
        return client;
    }

    String hosts() {
        return hosts;
    }

    /** The folder of a recipe. */
    String folder(String recipe) {
        return base + "/" + recipe;
    }

    /** How often a shared client has lost its connection. */
    int suspended() {
        return suspended.get();
    }

    /**
     * How often a shared client has lost its connection, or got one back: either may come in the middle of a round that
     * began between them.
     */
    int disturbances() {
        return disturbances.get();
    }

    /**
     * Whether there was such news since {@link #disturbances} said this number. Listeners hear of it on a thread of their own,
     * after a request may have failed for it.
     */
    boolean disturbedSince(int before) throws InterruptedException {
        for (int waited = 0; waited < NEWS_MS && disturbances() == before; waited += NEWS_STEP_MS) {
            Thread.sleep(NEWS_STEP_MS);
        }
        return disturbances() != before;
    }

    /** How many sessions of shared clients have ended, which no kill of one server can explain. */
    int lost() {
        return lost.get();
    }

    boolean stopped() {
        return stopped;
    }

    void stop() {
        stopped = true;
    }

    @Override
    public void close() {
        clients.forEach(CuratorFramework::close);
    }

    private CuratorFramework watchedClient() {
        CuratorFramework client = ownClient();
        client.getConnectionStateListenable().addListener((of, state) -> {
            disturbances.incrementAndGet();
            if (state == ConnectionState.SUSPENDED) {
                suspended.incrementAndGet();
            } else if (state == ConnectionState.LOST) {
                lost.incrementAndGet();
            }
        });
        return client;
    }
}
