package quorate.interop.curator;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.zookeeper.KeeperException;

/**
 * {@link CuratorCache} of a subtree and {@link NodeCache} of one znode, while writers change them: a cache never goes
 * back, and in the end it holds what the servers do.
 */
@SuppressWarnings("deprecation") // NodeCache is what programs in the field use.
final class Caches extends Recipe {
    private static final int CLIENTS = 3;
    private static final int CHILDREN = 8;
    private static final int SETTLE_SECONDS = 15;

    private final List<CuratorCache> trees = new ArrayList<>();
    private final List<NodeCache> nodes = new ArrayList<>();

    Caches() {
        super("caches", 2);
    }

    @Override
    void prepare(CuratorFramework client) throws Exception {
        client.create().forPath(tree(), bytes("top"));
        for (int number = 0; number < CLIENTS; number++) {
            CuratorCache cache = CuratorCache.build(site().client(number), tree());
            cache.listenable().addListener(neverBack());
            cache.start();
            trees.add(cache);
            NodeCache node = new NodeCache(site().client(number), child(0));
            node.start(true);
            nodes.add(node);
        }
    }

    /** Of a znode, as the cache tells of it, the zxid of its last change only grows. */
    private CuratorCacheListener neverBack() {
        Map<String, Long> last = new ConcurrentHashMap<>();
        return (type, before, after) -> {
            if (after != null) {
                long changed = after.getStat().getMzxid();
                Long seen = last.put(after.getPath(), changed);
                if (seen != null && changed < seen) {
                    wrong("a cache went back at %s, from %x to %x", after.getPath(), seen, changed);
                }
            }
        };
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        String path = child(random.nextInt(CHILDREN));
        String below = random.nextBoolean() ? path : path + "/below";
        if (random.nextInt(4) == 0) {
            remove(client, path);
        } else {
            put(client, below, Integer.toString(rounds()));
        }
        Thread.sleep(2);
    }

    /** The two writers get into each other's way. */
    private static void put(CuratorFramework client, String path, String data) throws Exception {
        try {
            client.create().orSetData().creatingParentsIfNeeded().forPath(path, bytes(data));
        } catch (KeeperException.NodeExistsException | KeeperException.NoNodeException raced) {
            // As if the other had been later.
        }
    }

    private static void remove(CuratorFramework client, String path) throws Exception {
        try {
            client.delete().deletingChildrenIfNeeded().forPath(path);
        } catch (KeeperException.NoNodeException | KeeperException.NotEmptyException raced) {
            // As above.
        }
    }

    @Override
    void finish(CuratorFramework client) throws Exception {
        client.create().orSetData().forPath(child(0), bytes("last"));
        sync(client, tree());
        Map<String, String> there = new TreeMap<>();
        collect(client, tree(), there);
        there.forEach(this::held);
        for (CuratorCache cache : trees) {
            if (!Waiting.until(SETTLE_SECONDS, () -> contents(cache).equals(there))) {
                wrong("a cache holds %s, the servers %s", contents(cache), there);
            }
            cache.close();
        }
        for (NodeCache node : nodes) {
            if (!Waiting.until(SETTLE_SECONDS, () -> "last".equals(data(node.getCurrentData())))) {
                wrong("the cache of one znode holds %s", data(node.getCurrentData()));
            }
            node.close();
        }
    }

    private static void collect(CuratorFramework client, String path, Map<String, String> there) throws Exception {
        there.put(path, text(client.getData().forPath(path)));
        for (String name : client.getChildren().forPath(path)) {
            collect(client, path + "/" + name, there);
        }
    }

    private static Map<String, String> contents(CuratorCache cache) {
        Map<String, String> contents = new TreeMap<>();
        cache.stream().forEach(each -> contents.put(each.getPath(), data(each)));
        return contents;
    }

    private static String data(ChildData node) {
        return node == null ? null : text(node.getData());
    }

    private String tree() {
        return folder() + "/tree";
    }

    private String child(int number) {
        return tree() + "/child-" + number;
    }
}
