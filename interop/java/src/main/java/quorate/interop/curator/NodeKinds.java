package quorate.interop.curator;

import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.data.Stat;

/** Containers and znodes with a time to live, as Curator makes them. */
final class NodeKinds extends Recipe {
    private int count;

    NodeKinds() {
        super("node-kinds", 1);
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        String container = folder() + "/container-" + count++;
        client.create().withMode(CreateMode.CONTAINER).forPath(container, bytes("c"));
        Stat stat = new Stat();
        String living = client.create()
                .withTtl(TimeUnit.HOURS.toMillis(1))
                .withMode(CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL)
                .forPath(container + "/living-", bytes("t"));
        String data = text(client.getData().storingStatIn(stat).forPath(living));
        if (!living.startsWith(container + "/living-00000") || !data.equals("t") || stat.getNumChildren() != 0) {
            wrong("a znode with a time to live is %s with %s", living, data);
        }
        String deep = container + "/a/b/c";
        client.create().creatingParentContainersIfNeeded().withMode(CreateMode.EPHEMERAL).forPath(deep);
        refuseBelowEphemeral(client, deep);
        client.delete().guaranteed().deletingChildrenIfNeeded().forPath(container);
        Thread.sleep(5);
    }

    private void refuseBelowEphemeral(CuratorFramework client, String ephemeral) throws Exception {
        try {
            client.create().withMode(CreateMode.CONTAINER).forPath(ephemeral + "/below");
            wrong("%s is ephemeral and has a child", ephemeral);
        } catch (KeeperException.NoChildrenForEphemeralsException refused) {
            // As it should be.
        }
    }
}
