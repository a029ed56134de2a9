package quorate.interop;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.LongAdder;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/**
 * As many requests as ZooKeeper's own client and a server manage, on several sessions with several requests outstanding
 * each, by the client's asynchronous calls.
 *
 * <p>Usage: {@code Load HOSTS get|set SESSIONS OUTSTANDING BYTES WARM_UP_SECONDS SECONDS}
 */
public final class Load {
    private static final int SESSION_TIMEOUT_MS = 10_000;

    private final LongAdder answers = new LongAdder();
    private final boolean writes;
    private final byte[] data;
    private volatile boolean isOver;

    private Load(boolean writes, int bytes) {
        this.writes = writes;
        this.data = "x".repeat(bytes).getBytes(UTF_8);
    }

    public static void main(String[] arguments) throws Exception {
        Load load = new Load(arguments[1].equals("set"), Integer.parseInt(arguments[4]));
        int sessions = Integer.parseInt(arguments[2]);
        int outstanding = Integer.parseInt(arguments[3]);
        List<ZooKeeper> clients = new ArrayList<>();
        for (int number = 0; number < sessions; number++) {
            ZooKeeper client = connect(arguments[0]);
            String path = client.create(
                "/load-java-" + number + "-", load.data, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
            clients.add(client);
            for (int request = 0; request < outstanding; request++) {
                load.ask(client, path);
            }
        }
        Thread.sleep((long) (Double.parseDouble(arguments[5]) * 1000));
        long before = load.answers.sum();
        long began = System.nanoTime();
        Thread.sleep((long) (Double.parseDouble(arguments[6]) * 1000));
        double took = (System.nanoTime() - began) / 1e9;
        System.out.printf("{\"ops_per_sec\":%.0f}%n", (load.answers.sum() - before) / took);
        load.isOver = true;
        for (ZooKeeper client : clients) {
            client.close();
        }
    }

    private static ZooKeeper connect(String hosts) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper client = new ZooKeeper(hosts, SESSION_TIMEOUT_MS, event -> {
            if (event.getState() == KeeperState.SyncConnected) {
                connected.countDown();
            }
        });
        connected.await();
        return client;
    }

    /** The answer asks anew. */
    private void ask(ZooKeeper client, String path) {
        if (writes) {
            client.setData(path, data, -1, (code, asked, context, stat) -> answered(client, path, code), null);
        } else {
            client.getData(path, false, (code, asked, context, found, stat) -> answered(client, path, code), null);
        }
    }

    private void answered(ZooKeeper client, String path, int code) {
        if (isOver) {
            return;
        }
        if (code != 0) {
            System.err.println("answered with error " + code);
            System.exit(1);
        }
        answers.increment();
        ask(client, path);
    }
}
