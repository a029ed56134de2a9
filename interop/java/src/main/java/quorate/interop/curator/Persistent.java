package quorate.interop.curator;

import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.data.Stat;

/** {@link PersistentNode}: an ephemeral znode that comes back with its data when the session has ended. */
final class Persistent extends Recipe {
    private static final int WAIT_SECONDS = 30;
    private static final int ATTEMPTS = 6;
    private static final int ROUNDS_PER_SESSION = 8;

    private CuratorFramework owner;
    private PersistentNode node;
    private int count;

    Persistent() {
        super("persistent-node", 1);
    }

    @Override
    void prepare(CuratorFramework client) throws Exception {
        owner = site().ownClient();
        node = new PersistentNode(owner, CreateMode.EPHEMERAL, false, path(), bytes(0));
        node.start();
        if (!node.waitForInitialCreate(WAIT_SECONDS, TimeUnit.SECONDS)) {
            wrong("it was not created");
        }
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        count++;
        if (count % ROUNDS_PER_SESSION == 0) {
            endSession(client);
        } else {
            setData();
        }
        int expected = count;
        if (!Waiting.until(WAIT_SECONDS, () -> shows(client, expected))) {
            wrong("others do not see %d after %d s", expected, WAIT_SECONDS);
        }
        Thread.sleep(10);
    }

    /** The data is remembered even when it can't be written, as long as the session's end is not known. */
    private void setData() throws Exception {
        try {
            node.setData(bytes(count));
        } catch (KeeperException.SessionExpiredException error) {
            // It is written with the znode in the next session.
        }
    }

    private void endSession(CuratorFramework client) throws Exception {
        Stat before = client.checkExists().forPath(path());
        setData();
        // The owner may take its session back from the connection that is about to end it, which is then too late.
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Sessions.end(owner, site().hosts());
            if (Waiting.until(WAIT_SECONDS / ATTEMPTS, () -> hasAnotherOwner(client, before))) {
                return;
            }
        }
        wrong("it did not come back after its session's end");
    }

    private boolean hasAnotherOwner(CuratorFramework client, Stat before) throws Exception {
        Stat now = client.checkExists().forPath(path());
        return now != null && (before == null || now.getEphemeralOwner() != before.getEphemeralOwner());
    }

    private boolean shows(CuratorFramework client, int expected) throws Exception {
        try {
            return number(client.getData().forPath(path())) == expected;
        } catch (KeeperException.NoNodeException error) {
            return false;
        }
    }

    @Override
    void finish(CuratorFramework client) {
        if (count < ROUNDS_PER_SESSION) {
            wrong("too few rounds: no session was ended");
        }
        held(path(), Integer.toString(count));
    }

    private String path() {
        return folder() + "/mine";
    }
}
