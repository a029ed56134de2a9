package quorate.interop.curator;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;

/** Ends sessions at the server, so that their owners learn of it as of an expiry. */
final class Sessions {
    private static final int WAIT_SECONDS = 20;

    private Sessions() {}

    /** Attaches a client's session from a second connection and closes it there. */
    static void end(CuratorFramework client, String hosts) throws Exception {
        ZooKeeper owner = client.getZookeeperClient().getZooKeeper();
        CountDownLatch attached = new CountDownLatch(1);
        ZooKeeper heir = new ZooKeeper(hosts, owner.getSessionTimeout(), event -> {
            if (event.getState() == KeeperState.SyncConnected || event.getState() == KeeperState.Expired) {
                attached.countDown();
            }
        }, owner.getSessionId(), owner.getSessionPasswd());
        try {
            if (!attached.await(WAIT_SECONDS, TimeUnit.SECONDS)) {
                throw new KeeperException.ConnectionLossException();
            }
        } finally {
            heir.close();
        }
    }
}
