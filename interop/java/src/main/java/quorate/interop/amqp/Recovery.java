package quorate.interop.amqp;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.rabbitmq.client.Address;
import com.rabbitmq.client.AddressResolver;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.MessageProperties;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;

/**
 * Publishes with confirms and consumes with acknowledgements over connections that the library recovers, one of each that
 * prefers each broker, until standard input ends. Whoever started this program kills brokers meanwhile: the library goes
 * on with another one, where it opens its channels and consumers again.
 *
 * <p>Writes JSON, an object a line: again and again how much each has published and consumed, {@code {"published": [...],
 * "consumed": [...]}}, and once input has ended and all that was confirmed has come, {@code {"confirmed": [...],
 * "delivered": [[body, redelivered], ...], "disturbed": n}}.
 */
final class Recovery {
    private static final int CONFIRM_MS = 10_000;
    private static final int REPORT_MS = 50;
    private static final int PAUSE_MS = 50;
    private static final long LAST_SECONDS = 40;

    private final List<ConnectionFactory> brokers;
    private final String queue = Site.fresh("java");
    private final AtomicIntegerArray published;
    private final AtomicIntegerArray consumed;
    private final LongAdder disturbed = new LongAdder();
    private final Set<String> confirmed = new HashSet<>();
    private final List<String> delivered = new ArrayList<>();
    private final Set<String> bodies = new HashSet<>();
    private volatile boolean isOver;

    Recovery(List<ConnectionFactory> brokers) {
        this.brokers = brokers;
        this.published = new AtomicIntegerArray(brokers.size());
        this.consumed = new AtomicIntegerArray(brokers.size());
    }

    void run() throws Exception {
        List<Thread> publishers = new ArrayList<>();
        for (int number = 0; number < brokers.size(); number++) {
            consume(number);
        }
        for (int number = 0; number < brokers.size(); number++) {
            Channel channel = connect(number).createChannel();
            channel.confirmSelect();
            int own = number;
            Thread publisher = new Thread(() -> publish(own, channel));
            publisher.start();
            publishers.add(publisher);
        }
        Thread reports = new Thread(this::report);
        reports.start();
        while (System.in.read() >= 0) {
            // Nothing is said; it only ends.
        }
        isOver = true;
        for (Thread publisher : publishers) {
            publisher.join();
        }
        reports.join();
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(LAST_SECONDS);
        while (isMissing() && System.nanoTime() < until) {
            Thread.sleep(PAUSE_MS);
        }
        System.out.println(verdict());
    }

    private Connection connect(int number) throws IOException, TimeoutException {
        ConnectionFactory factory = brokers.get(number).clone();
        factory.setNetworkRecoveryInterval(200);
        factory.setRequestedHeartbeat(5);
        List<Address> addresses = new ArrayList<>();
        for (int next = 0; next < brokers.size(); next++) {
            ConnectionFactory broker = brokers.get((number + next) % brokers.size());
            addresses.add(new Address(broker.getHost(), broker.getPort()));
        }
        return factory.newConnection(new AddressResolver() {
            @Override
            public List<Address> getAddresses() {
                return addresses;
            }

            @Override
            public List<Address> maybeShuffle(List<Address> given) {
                return given;
            }
        });
    }

    private void consume(int number) throws IOException, TimeoutException {
        Channel channel = connect(number).createChannel();
        channel.queueDeclare(queue, true, false, false, null);
        channel.basicQos(10);
        channel.basicConsume(
            queue,
            false,
            (tag, message) -> {
                note(new String(message.getBody(), UTF_8), message.getEnvelope().isRedeliver());
                consumed.incrementAndGet(number);
                try {
                    channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
                } catch (IOException | AlreadyClosedException error) {
                    // The message comes again.
                    disturbed.increment();
                }
            },
            tag -> {});
    }

    private void publish(int number, Channel channel) {
        for (int next = 0; !isOver; next++) {
            // Never sent twice, so that whatever comes twice was delivered twice.
            String body = number + "-" + next;
            try {
                channel.basicPublish("", queue, MessageProperties.PERSISTENT_BASIC, body.getBytes(UTF_8));
                if (channel.waitForConfirms(CONFIRM_MS)) {
                    synchronized (this) {
                        confirmed.add(body);
                    }
                    published.incrementAndGet(number);
                }
            } catch (Exception error) {
                disturbed.increment();
                pause(PAUSE_MS);
            }
        }
    }

    private synchronized void note(String body, boolean redelivered) {
        delivered.add("[\"" + body + "\", " + redelivered + "]");
        bodies.add(body);
    }

    private synchronized boolean isMissing() {
        return !bodies.containsAll(confirmed);
    }

    private void report() {
        while (!isOver) {
            System.out.println("{\"published\": " + published + ", \"consumed\": " + consumed + "}");
            pause(REPORT_MS);
        }
    }

    private synchronized String verdict() {
        String safe = confirmed.stream().map(body -> "\"" + body + "\"").collect(Collectors.joining(", "));
        return "{\"confirmed\": [" + safe + "], \"delivered\": [" + String.join(", ", delivered) + "], \"disturbed\": "
            + disturbed.sum() + "}";
    }

    private static void pause(int ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }
}
