package quorate.interop.amqp;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Method;
import com.rabbitmq.client.ShutdownSignalException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** Connections for a scenario, closed at its end, and what it can wait for. */
final class Site implements AutoCloseable {
    private static final int WAIT_SECONDS = 15;
    private static final int PAUSE_MS = 20;

    final List<ConnectionFactory> brokers;
    private final List<Connection> connections = new ArrayList<>();

    Site(List<ConnectionFactory> brokers) {
        this.brokers = brokers;
    }

    /** A connection to the broker of that number, counted round. */
    Connection connect(int number) throws Exception {
        Connection connection = brokers.get(number % brokers.size()).newConnection();
        connections.add(connection);
        return connection;
    }

    static String fresh(String prefix) {
        return prefix + "-" + UUID.randomUUID();
    }

    static <T> T next(String what, BlockingQueue<T> queue) throws InterruptedException {
        T found = queue.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        check(found != null, "waited in vain for " + what);
        return found;
    }

    static void await(String what, Callable<Boolean> condition) throws Exception {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!condition.call()) {
            check(System.nanoTime() < until, "waited in vain for " + what);
            Thread.sleep(PAUSE_MS);
        }
    }

    static void check(boolean right, String what) {
        if (!right) {
            throw new AssertionError(what);
        }
    }

    static void same(Object expected, Object found) {
        check(Objects.equals(expected, found), "expected " + expected + ", found " + found);
    }

    /** What must fail with a code and a text of the broker. */
    interface Action {
        void run() throws Exception;
    }

    static void refused(int code, String text, Action action) throws Exception {
        try {
            action.run();
        } catch (Exception error) {
            reason(code, text, signalOf(error));
            return;
        }
        throw new AssertionError("this was not refused with " + text);
    }

    static void reason(int code, String text, ShutdownSignalException signal) {
        Method reason = signal.getReason();
        if (reason instanceof AMQP.Channel.Close) {
            AMQP.Channel.Close close = (AMQP.Channel.Close) reason;
            same(code + " " + text, close.getReplyCode() + " " + close.getReplyText());
        } else {
            AMQP.Connection.Close close = (AMQP.Connection.Close) reason;
            same(code + " " + text, close.getReplyCode() + " " + close.getReplyText());
        }
    }

    private static ShutdownSignalException signalOf(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof ShutdownSignalException) {
                return (ShutdownSignalException) cause;
            }
        }
        throw new AssertionError("not an answer of the broker", error);
    }

    @Override
    public void close() {
        connections.forEach(Connection::abort);
    }
}
