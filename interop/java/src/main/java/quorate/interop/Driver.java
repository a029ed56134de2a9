package quorate.interop;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/**
 * Drives a server with ZooKeeper's own Java client. Each scenario prints its name and "ok"; the first thing that is
 * not as it should be ends the program with a stack trace and exit status 1.
 *
 * <p>Usage: {@code Driver HOSTS SCENARIO...}
 */
public final class Driver {
    private static final int SESSION_TIMEOUT_MS = 10_000;
    private static final int WAIT_SECONDS = 15;

    private final String hosts;
    private final String base;

    private Driver(String hosts) {
        this.hosts = hosts;
        this.base = "/java-" + System.nanoTime();
    }

    public static void main(String[] arguments) throws Exception {
        Driver driver = new Driver(arguments[0]);
        for (String scenario : List.of(arguments).subList(1, arguments.length)) {
            driver.run(scenario);
            System.out.println(scenario + " ok");
        }
    }

    private void run(String scenario) throws Exception {
        try (ZooKeeper client = connect()) {
            if (client.exists(base, false) == null) {
                create(client, base, "");
            }
            switch (scenario) {
                case "operations" -> operations(client);
                case "watches" -> watches(client);
                case "multi" -> multi(client);
                case "queries" -> queries(client);
                case "pipeline" -> pipeline(client);
                case "sessions" -> sessions(client);
                case "persistent-watches" -> persistentWatches(client);
                case "node-kinds" -> nodeKinds(client);
                default -> throw new IllegalArgumentException("no scenario " + scenario);
            }
        }
    }

    private void operations(ZooKeeper client) throws Exception {
        String path = base + "/operations";
        Stat created = new Stat();
        client.create(path, bytes("one"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, created);
        equal(created.getCzxid(), created.getMzxid());

        Stat read = new Stat();
        equal("one", text(client.getData(path, false, read)));
        equal(created, read);

        Stat written = client.setData(path, bytes("two"), 0);
        equal(1, written.getVersion());
        fails(KeeperException.Code.BADVERSION, () -> client.setData(path, bytes("three"), 0));
        fails(KeeperException.Code.NODEEXISTS, () -> create(client, path, ""));
        fails(KeeperException.Code.NONODE, () -> client.getData(base + "/missing", false, null));

        client.create(path + "/null", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        equal(null, client.getData(path + "/null", false, null));
        equal(path + "/s-0000000001", create(client, path + "/s-", CreateMode.PERSISTENT_SEQUENTIAL));
        equal(List.of("null", "s-0000000001"), client.getChildren(path, false).stream().sorted().toList());
        fails(KeeperException.Code.NOTEMPTY, () -> client.delete(path, -1));

        equal(Ids.OPEN_ACL_UNSAFE, client.getACL(path, new Stat()));
        equal(1, client.setACL(path, Ids.READ_ACL_UNSAFE, 0).getAversion());
        fails(KeeperException.Code.NOAUTH, () -> client.setData(path, bytes("denied"), -1));
    }

    private void watches(ZooKeeper client) throws Exception {
        String path = base + "/watches";
        BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        try (ZooKeeper writer = connect()) {
            equal(null, client.exists(path, events::add));
            create(writer, path, "0");
            event(events, EventType.NodeCreated, path);

            sync(client, path);
            client.getData(path, events::add, null);
            writer.setData(path, bytes("1"), -1);
            writer.setData(path, bytes("2"), -1);
            event(events, EventType.NodeDataChanged, path);

            sync(client, path);
            client.getChildren(path, events::add);
            create(writer, path + "/child", "");
            event(events, EventType.NodeChildrenChanged, path);

            writer.delete(path + "/child", -1);
            sync(client, path);
            client.getData(path, events::add, null);
            client.getChildren(path, events::add);
            writer.delete(path, -1);
            event(events, EventType.NodeDeleted, path);
            event(events, EventType.NodeDeleted, path);
        }
        sync(client, base);
        equal(0, events.size());
    }

    private void multi(ZooKeeper client) throws Exception {
        String path = base + "/multi";
        List<OpResult> results = client.multi(List.of(
                Op.create(path, bytes("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.create(path + "/s-", bytes(""), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL),
                Op.setData(path, bytes("2"), 0),
                Op.check(path, 1),
                Op.create(path + "/gone", bytes(""), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.delete(path + "/gone", 0)));
        equal(path + "/s-0000000000", ((OpResult.CreateResult) results.get(1)).getPath());
        equal(1, ((OpResult.SetDataResult) results.get(2)).getStat().getVersion());
        equal(List.of("s-0000000000"), client.getChildren(path, false));

        try {
            client.multi(List.of(Op.setData(path, bytes("3"), -1), Op.check(path, 7), Op.delete(path, -1)));
            throw new AssertionError("a transaction with a failing check took effect");
        } catch (KeeperException error) {
            equal(KeeperException.Code.BADVERSION, error.code());
            List<Integer> codes = error.getResults().stream().map(r -> ((OpResult.ErrorResult) r).getErr()).toList();
            equal(List.of(0, -103, -2), codes);
        }
        equal("2", text(client.getData(path, false, null)));
    }

    private void pipeline(ZooKeeper client) throws Exception {
        String path = base + "/pipeline";
        create(client, path, "");
        int count = 2_000;
        CountDownLatch answered = new CountDownLatch(count);
        int[] next = {1};
        for (int index = 0; index < count; index++) {
            client.setData(path, bytes(Integer.toString(index)), -1, (code, at, context, stat) -> {
                // Callbacks come one at a time, in the order of the requests.
                if (code == 0 && stat.getVersion() == next[0]) {
                    next[0]++;
                }
                answered.countDown();
            }, null);
        }
        equal(true, answered.await(60, TimeUnit.SECONDS));
        equal(count + 1, next[0]);
        equal(Integer.toString(count - 1), text(client.getData(path, false, null)));
    }

    private void sessions(ZooKeeper client) throws Exception {
        String path = base + "/ephemeral";
        ZooKeeper owner = connect();
        create(owner, path, CreateMode.EPHEMERAL);
        sync(client, path);
        equal(owner.getSessionId(), client.exists(path, false).getEphemeralOwner());

        // The same session from another process: the connection before is cut, the session goes on.
        CountDownLatch attached = new CountDownLatch(1);
        ZooKeeper heir = new ZooKeeper(hosts, SESSION_TIMEOUT_MS, event -> {
            if (event.getState() == KeeperState.SyncConnected) {
                attached.countDown();
            }
        }, owner.getSessionId(), owner.getSessionPasswd());
        equal(true, attached.await(WAIT_SECONDS, TimeUnit.SECONDS));
        equal(owner.getSessionId(), heir.getSessionId());
        equal(heir.getSessionId(), heir.exists(path, false).getEphemeralOwner());
        heir.close();
        sync(client, path);
        equal(null, client.exists(path, false));
        owner.close();
    }

    private void persistentWatches(ZooKeeper client) throws Exception {
        String path = base + "/persistent";
        BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        client.addWatch(path, events::add, AddWatchMode.PERSISTENT_RECURSIVE);
        try (ZooKeeper writer = connect()) {
            create(writer, path, "");
            create(writer, path + "/child", "");
            writer.setData(path + "/child", bytes("1"), -1);
            writer.delete(path + "/child", -1);
        }
        event(events, EventType.NodeCreated, path);
        event(events, EventType.NodeCreated, path + "/child");
        event(events, EventType.NodeDataChanged, path + "/child");
        event(events, EventType.NodeDeleted, path + "/child");

        client.removeWatches(path, event -> { }, WatcherType.Any, true, (code, at, context) -> { }, null);
        client.removeAllWatches(path, WatcherType.Any, false);
        client.delete(path, -1);
        sync(client, base);
        fails(KeeperException.Code.NOWATCHER, () -> client.removeAllWatches(path, WatcherType.Any, false));
    }

    private void nodeKinds(ZooKeeper client) throws Exception {
        String path = base + "/kinds";
        Stat stat = new Stat();
        client.create(path, bytes("c"), Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER, stat);
        equal(0L, stat.getEphemeralOwner());
        long hour = TimeUnit.HOURS.toMillis(1);
        String name = client.create(
                path + "/s-", bytes("t"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, stat, hour);
        equal(path + "/s-0000000000", name);
        equal(0L, stat.getEphemeralOwner());
        List<OpResult> results = client.multi(List.of(
                Op.create(path + "/c", bytes(""), Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
                Op.create(path + "/t", bytes(""), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, hour)));
        equal(path + "/c", ((OpResult.CreateResult) results.get(0)).getPath());
        equal(path + "/t", ((OpResult.CreateResult) results.get(1)).getPath());
        equal(3, client.getAllChildrenNumber(path));
    }

    /** Reads of several znodes at once, and what a session may ask about itself and about subtrees. */
    private void queries(ZooKeeper client) throws Exception {
        String path = base + "/queries";
        create(client, path, "top");
        create(client, path + "/child", "below");
        List<OpResult> results = client.multi(
                List.of(Op.getData(path), Op.getData(path + "/missing"), Op.getChildren(path), Op.getData(path + "/child")));
        equal("top", text(((OpResult.GetDataResult) results.get(0)).getData()));
        equal(KeeperException.Code.NONODE.intValue(), ((OpResult.ErrorResult) results.get(1)).getErr());
        equal(List.of("child"), ((OpResult.GetChildrenResult) results.get(2)).getChildren());
        OpResult.GetDataResult last = (OpResult.GetDataResult) results.get(3);
        equal("below", text(last.getData()));
        equal(client.exists(path + "/child", false), last.getStat());

        equal(1, client.getAllChildrenNumber(path));
        equal(List.of(), client.getEphemerals());
        client.create(path + "/mine", bytes(""), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        client.create(base + "/also-mine", bytes(""), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        equal(List.of(path + "/mine"), client.getEphemerals(path));
        equal(List.of(base + "/also-mine", path + "/mine"), client.getEphemerals().stream().sorted().toList());
        client.addAuthInfo("digest", bytes("user:secret"));
        equal(
                List.of("digest=user", "ip=127.0.0.1"),
                client.whoAmI().stream().map(who -> who.getAuthScheme() + "=" + who.getUser()).sorted().toList());
    }

    private ZooKeeper connect() throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper client = new ZooKeeper(hosts, SESSION_TIMEOUT_MS, event -> {
            if (event.getState() == KeeperState.SyncConnected) {
                connected.countDown();
            }
        });
        equal(true, connected.await(WAIT_SECONDS, TimeUnit.SECONDS));
        return client;
    }

    private static void sync(ZooKeeper client, String path) throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        client.sync(path, (code, at, context) -> done.countDown(), null);
        equal(true, done.await(WAIT_SECONDS, TimeUnit.SECONDS));
    }

    private static String create(ZooKeeper client, String path, String data) throws Exception {
        return client.create(path, bytes(data), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    }

    private static String create(ZooKeeper client, String path, CreateMode mode) throws Exception {
        return client.create(path, bytes(""), Ids.OPEN_ACL_UNSAFE, mode);
    }

    private static void event(BlockingQueue<WatchedEvent> events, EventType type, String path) throws Exception {
        WatchedEvent event = events.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        equal(type + " " + path, event == null ? null : event.getType() + " " + event.getPath());
    }

    private interface Request {
        void send() throws Exception;
    }

    private static void fails(KeeperException.Code code, Request request) throws Exception {
        try {
            request.send();
        } catch (KeeperException error) {
            equal(code, error.code());
            return;
        }
        throw new AssertionError("expected " + code);
    }

    private static void equal(Object expected, Object got) {
        if (!java.util.Objects.equals(expected, got)) {
            throw new AssertionError("expected " + expected + ", got " + got);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private static String text(byte[] data) {
        return new String(data, UTF_8);
    }
}
