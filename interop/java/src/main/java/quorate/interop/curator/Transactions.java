package quorate.interop.curator;

import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.api.transaction.CuratorOp;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.data.Stat;

/** Transactions: money moves from one account to another with a line in a ledger, all of it or nothing. */
final class Transactions extends Recipe {
    private static final int START = 1_000_000;

    Transactions() {
        super("transactions", 3);
    }

    @Override
    void prepare(CuratorFramework client) throws Exception {
        client.create().forPath(from(), bytes(START));
        client.create().forPath(to(), bytes(0));
        client.create().forPath(ledger());
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        Stat fromStat = new Stat();
        Stat toStat = new Stat();
        int left = number(client.getData().storingStatIn(fromStat).forPath(from()));
        int right = number(client.getData().storingStatIn(toStat).forPath(to()));
        int amount = ThreadLocalRandom.current().nextInt(1, 10);
        try {
            List<CuratorTransactionResult> results = client.transaction().forOperations(List.of(
                    set(client, from(), fromStat.getVersion(), left - amount),
                    set(client, to(), toStat.getVersion(), right + amount),
                    line(client, amount)));
            if (results.get(0).getResultStat().getMzxid() != results.get(1).getResultStat().getMzxid()) {
                wrong("the parts of a transaction have different zxids");
            }
        } catch (KeeperException.BadVersionException raced) {
            // Another's transaction came first, or this one before its answer was lost.
        }
        Thread.sleep(2);
    }

    private static CuratorOp set(CuratorFramework client, String path, int version, int value) throws Exception {
        return client.transactionOp().setData().withVersion(version).forPath(path, bytes(value));
    }

    private CuratorOp line(CuratorFramework client, int amount) throws Exception {
        return client.transactionOp()
                .create()
                .withMode(CreateMode.PERSISTENT_SEQUENTIAL)
                .forPath(ledger() + "/line-", bytes(amount));
    }

    @Override
    void finish(CuratorFramework client) throws Exception {
        sync(client, folder());
        int left = number(client.getData().forPath(from()));
        int right = number(client.getData().forPath(to()));
        int booked = 0;
        for (String name : client.getChildren().forPath(ledger())) {
            booked += number(client.getData().forPath(ledger() + "/" + name));
        }
        if (left + right != START || booked != right || booked == 0) {
            wrong("%d and %d are left of %d, and %d are in the ledger", left, right, START, booked);
        }
        held(from(), Integer.toString(left));
        held(to(), Integer.toString(right));
    }

    private String from() {
        return folder() + "/from";
    }

    private String to() {
        return folder() + "/to";
    }

    private String ledger() {
        return folder() + "/ledger";
    }
}
