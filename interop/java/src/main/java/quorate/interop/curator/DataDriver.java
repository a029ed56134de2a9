package quorate.interop.curator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryForever;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.zookeeper.CreateMode;

/**
 * Does with Curator what it is told, a JSON array a line on standard input, and answers each with a JSON object a line,
 * {@code {"ok": ...}} or {@code {"error": ...}}. Counterpart: {@code data_driver.rs} of quorate-recipes.
 *
 * <p>Usage: {@code DataDriver HOSTS}
 */
public final class DataDriver {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int PATIENCE_SECONDS = 40;

    private final CuratorFramework client;
    private final Map<String, ServiceDiscovery<String>> discoveries = new HashMap<>();
    private final Map<String, ServiceInstance<String>> registered = new HashMap<>();
    private final Map<String, CuratorCache> caches = new HashMap<>();
    private final Map<String, GroupMember> groups = new HashMap<>();

    private DataDriver(CuratorFramework client) {
        this.client = client;
    }

    public static void main(String[] arguments) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.newClient(arguments[0], 10_000, 5_000, new RetryForever(200));
        client.start();
        client.blockUntilConnected();
        DataDriver driver = new DataDriver(client);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, Object> answer = new HashMap<>();
            try {
                answer.put("ok", driver.carryOut(JSON.readTree(line)));
            } catch (Exception error) {
                answer.put("error", error.toString());
            }
            System.out.println(JSON.writeValueAsString(answer));
        }
        client.close();
    }

    private Object carryOut(JsonNode command) throws Exception {
        String path = command.get(1).asText();
        switch (command.get(0).asText()) {
            case "register" -> register(path, command.get(2).asText(), command.get(3).asText(), command.get(4).asInt());
            case "unregister" -> {
                for (ServiceDiscovery<String> discovery : discoveries.values()) {
                    discovery.unregisterService(registered.get(path));
                }
            }
            case "instances" -> {
                return instances(path, command.get(2).asText());
            }
            case "put" -> put(path, command.get(2).asText(), command.get(3).asText(), command.path(4).asLong());
            case "take", "take-held" -> {
                String lockPath = command.has(3) ? command.get(3).asText() : null;
                return take(path, command.get(2).asText(), lockPath);
            }
            case "add" -> {
                return add(path, command.get(2).asText(), command.get(3).asInt());
            }
            case "keep" -> {
                byte[] data = command.get(2).asText().getBytes(StandardCharsets.UTF_8);
                PersistentNode node = new PersistentNode(client, CreateMode.EPHEMERAL, false, path, data);
                node.start();
                node.waitForInitialCreate(PATIENCE_SECONDS, TimeUnit.SECONDS);
            }
            case "follow" -> {
                CuratorCache cache = CuratorCache.build(client, path);
                cache.start();
                caches.put(path, cache);
            }
            case "followed" -> {
                Map<String, String> all = new TreeMap<>();
                caches.get(path).stream()
                        .forEach(each -> all.put(each.getPath(), new String(each.getData(), StandardCharsets.UTF_8)));
                return all;
            }
            case "join" -> {
                String group = command.get(2).asText();
                GroupMember member = new GroupMember(client, group, command.get(3).asText(), new byte[0]);
                member.start();
                groups.put(group, member);
            }
            case "members" -> {
                return new TreeSet<>(groups.get(path).getCurrentMembers().keySet());
            }
            default -> throw new IllegalArgumentException("no command " + command);
        }
        return null;
    }

    private ServiceDiscovery<String> discovery(String base) throws Exception {
        ServiceDiscovery<String> discovery = discoveries.get(base);
        if (discovery == null) {
            discovery = ServiceDiscoveryBuilder.builder(String.class).client(client).basePath(base).build();
            discovery.start();
            discoveries.put(base, discovery);
        }
        return discovery;
    }

    private void register(String base, String service, String id, int port) throws Exception {
        ServiceInstance<String> instance = ServiceInstance.<String>builder()
                .name(service)
                .id(id)
                .address("127.0.0.1")
                .port(port)
                .payload("payload of " + id)
                .build();
        discovery(base).registerService(instance);
        registered.put(id, instance);
    }

    private List<List<Object>> instances(String base, String service) throws Exception {
        List<List<Object>> found = new ArrayList<>();
        for (ServiceInstance<String> each : discovery(base).queryForInstances(service)) {
            found.add(List.of(each.getId(), each.getPort(), each.getPayload()));
        }
        found.sort(Comparator.comparing(Object::toString));
        return found;
    }

    private void put(String kind, String path, String item, long rank) throws Exception {
        byte[] data = item.getBytes(StandardCharsets.UTF_8);
        if (kind.equals("simple")) {
            new SimpleDistributedQueue(client, path).offer(data);
            return;
        }
        QueueBuilder<byte[]> builder = QueueBuilder.builder(client, null, new Bytes(), path);
        switch (kind) {
            case "queue" -> {
                try (DistributedQueue<byte[]> queue = builder.buildQueue()) {
                    queue.start();
                    queue.put(data);
                    queue.flushPuts(PATIENCE_SECONDS, TimeUnit.SECONDS);
                }
            }
            case "priority" -> {
                try (DistributedPriorityQueue<byte[]> queue = builder.buildPriorityQueue(0)) {
                    queue.start();
                    queue.put(data, (int) rank);
                    queue.flushPuts(PATIENCE_SECONDS, TimeUnit.SECONDS);
                }
            }
            case "delay" -> {
                try (DistributedDelayQueue<byte[]> queue = builder.buildDelayQueue()) {
                    queue.start();
                    queue.put(data, rank);
                    queue.flushPuts(PATIENCE_SECONDS, TimeUnit.SECONDS);
                }
            }
            default -> throw new IllegalArgumentException("no queue of kind " + kind);
        }
    }

    /** Curator's queues take all they can: the test has one item at a time in a queue that Curator takes from. */
    private String take(String kind, String path, String lockPath) throws Exception {
        if (kind.equals("simple")) {
            return new String(new SimpleDistributedQueue(client, path).take(), StandardCharsets.UTF_8);
        }
        Taker taker = new Taker();
        QueueBuilder<byte[]> builder = QueueBuilder.builder(client, taker, new Bytes(), path);
        if (lockPath != null) {
            builder = builder.lockPath(lockPath);
        }
        switch (kind) {
            case "queue" -> {
                try (DistributedQueue<byte[]> queue = builder.buildQueue()) {
                    queue.start();
                    return taker.next();
                }
            }
            case "priority" -> {
                try (DistributedPriorityQueue<byte[]> queue = builder.buildPriorityQueue(0)) {
                    queue.start();
                    return taker.next();
                }
            }
            case "delay" -> {
                try (DistributedDelayQueue<byte[]> queue = builder.buildDelayQueue()) {
                    queue.start();
                    return taker.next();
                }
            }
            default -> throw new IllegalArgumentException("no queue of kind " + kind);
        }
    }

    private Object add(String kind, String path, int more) throws Exception {
        if (kind.equals("long")) {
            DistributedAtomicLong number = new DistributedAtomicLong(client, path, new RetryNTimes(100, 50));
            AtomicValue<Long> value = number.add((long) more);
            if (!value.succeeded()) {
                throw new IllegalStateException("not added");
            }
            return value.postValue();
        }
        try (SharedCount count = new SharedCount(client, path, 0)) {
            count.start();
            while (true) {
                VersionedValue<Integer> before = count.getVersionedValue();
                int after = before.getValue() + more;
                if (count.trySetCount(before, after)) {
                    return after;
                }
            }
        }
    }

    private static final class Bytes implements QueueSerializer<byte[]> {
        @Override
        public byte[] serialize(byte[] item) {
            return item;
        }

        @Override
        public byte[] deserialize(byte[] data) {
            return data;
        }
    }

    private static final class Taker implements QueueConsumer<byte[]> {
        private final LinkedBlockingQueue<byte[]> taken = new LinkedBlockingQueue<>();

        @Override
        public void consumeMessage(byte[] item) {
            taken.add(item);
        }

        @Override
        public void stateChanged(CuratorFramework client, ConnectionState state) {}

        String next() throws Exception {
            byte[] item = taken.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (item == null) {
                throw new IllegalStateException("nothing came");
            }
            // It is removed behind the consumer's back.
            Thread.sleep(200);
            return new String(item, StandardCharsets.UTF_8);
        }
    }
}
