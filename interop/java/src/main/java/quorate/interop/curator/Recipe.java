package quorate.interop.curator;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.zookeeper.KeeperException;

/**
 * One of Curator's recipes under test. Its contenders, each a thread with a client, do rounds until the site stops.
 *
 * <p>A round may fail while servers are killed: with an error that its recipe lets through, and only when some client
 * has lost its connection since the round began. Any other error is wrong.
 */
abstract class Recipe {
    private static final int FINDINGS_MAX = 5;
    private static final int SYNC_SECONDS = 30;

    private final String name;
    private final int contenders;
    private final List<Thread> threads = new ArrayList<>();
    private final AtomicInteger rounds = new AtomicInteger();
    private final AtomicInteger disturbed = new AtomicInteger();
    private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
    private final Map<String, String> held = new ConcurrentHashMap<>();
    private Site site;

    Recipe(String name, int contenders) {
        this.name = name;
        this.contenders = contenders;
    }

    /** What is there before the first round. */
    void prepare(CuratorFramework client) throws Exception {}

    /** One use of the recipe by a contender. */
    abstract void round(CuratorFramework client, int contender) throws Exception;

    /** Called once all contenders have ended: checks what is left, closes what {@link #prepare} has opened. */
    void finish(CuratorFramework client) throws Exception {}

    final String name() {
        return name;
    }

    final int rounds() {
        return rounds.get();
    }

    final void start(Site at) throws Exception {
        site = at;
        site.client(0).create().orSetData().creatingParentsIfNeeded().forPath(folder());
        prepare(site.client(0));
        for (CuratorFramework client : site.clients()) {
            sync(client, folder());
        }
        for (int contender = 0; contender < contenders; contender++) {
            int number = contender;
            Thread thread = new Thread(() -> run(number), name + "-" + contender);
            threads.add(thread);
            thread.start();
        }
    }

    /** What is to be said about the recipe, once the site has stopped. */
    final Map<String, Object> verdict() throws InterruptedException {
        for (Thread thread : threads) {
            thread.join();
        }
        try {
            finish(site.client(0));
        } catch (Exception error) {
            wrong("at the end: %s", describe(error));
        }
        if (site.lost() > 0) {
            wrong("%d sessions were lost", site.lost());
        }
        Map<String, Object> verdict = new LinkedHashMap<>();
        verdict.put("scenario", name);
        verdict.put("rounds", rounds());
        verdict.put("disturbed", disturbed.get());
        verdict.put("wrong", wrong.stream().limit(FINDINGS_MAX).toList());
        verdict.put("held", held);
        return verdict;
    }

    final Site site() {
        return site;
    }

    final String folder() {
        return site.folder(name);
    }

    /** Notes that something is not as it must be. */
    final void wrong(String what, Object... values) {
        wrong.add(String.format(what, values));
    }

    /** Says what every server must hold in the end, for whoever started this program to check. */
    final void held(String path, String data) {
        held.put(path, data);
    }

    /** Counts a round that was not made by a contender. */
    final void countRound() {
        rounds.incrementAndGet();
    }

    /** Waits until a client's server has everything that was committed before. Curator's own sync waits for nothing. */
    static void sync(CuratorFramework client, String path) throws Exception {
        CompletableFuture<Integer> code = new CompletableFuture<>();
        client.sync().inBackground((of, event) -> code.complete(event.getResultCode())).forPath(path);
        if (code.get(SYNC_SECONDS, TimeUnit.SECONDS) != 0) {
            throw KeeperException.create(KeeperException.Code.get(code.get()), path);
        }
    }

    private void run(int contender) {
        while (!site.stopped()) {
            int disturbances = site.disturbances();
            try {
                round(site.client(contender), contender);
                rounds.incrementAndGet();
            } catch (KeeperException error) {
                if (error instanceof KeeperException.SessionExpiredException || !wasDisturbed(disturbances)) {
                    wrong("contender %d: %s", contender, describe(error));
                }
                disturbed.incrementAndGet();
            } catch (Exception | AssertionError error) {
                wrong("contender %d: %s", contender, describe(error));
                return;
            }
        }
    }

    /** A thread that is to end can't know: it does not blame the server. */
    private boolean wasDisturbed(int before) {
        try {
            return site.disturbedSince(before);
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    private static String describe(Throwable error) {
        StackTraceElement[] trace = error.getStackTrace();
        for (StackTraceElement at : trace) {
            if (at.getClassName().startsWith("quorate.")) {
                return error + " at " + at;
            }
        }
        return error + " at " + trace[0];
    }

    static byte[] bytes(Object value) {
        return value.toString().getBytes(UTF_8);
    }

    static int number(byte[] data) {
        return Integer.parseInt(text(data));
    }

    static String text(byte[] data) {
        return new String(data, UTF_8);
    }
}
