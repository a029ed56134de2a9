package quorate.interop.amqp;

import static java.nio.charset.StandardCharsets.UTF_8;
import static quorate.interop.amqp.Site.check;
import static quorate.interop.amqp.Site.fresh;
import static quorate.interop.amqp.Site.refused;
import static quorate.interop.amqp.Site.same;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcClientParams;
import com.rabbitmq.client.RpcServer;
import com.rabbitmq.client.ShutdownSignalException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** What users of RabbitMQ's Java client rely on. */
final class Scenarios {
    private static final int CONFIRM_MS = 15_000;

    private Scenarios() {}

    static void run(String name, Site site) throws Exception {
        switch (name) {
            case "roundtrip" -> roundtrip(site);
            case "confirms" -> confirms(site);
            case "returns" -> returns(site);
            case "consuming" -> consuming(site);
            case "exclusive" -> exclusive(site);
            case "errors" -> errors(site);
            case "connection-errors" -> connectionErrors(site);
            case "transactions" -> transactions(site);
            case "calls" -> calls(site.connect(0).createChannel(), site.connect(0).createChannel());
            case "calls-between-nodes" -> calls(site.connect(0).createChannel(), site.connect(1).createChannel());
            case "dead-letters" -> deadLetters(site);
            default -> throw new IllegalArgumentException(name);
        }
    }

    private static String durable(Channel channel, Map<String, Object> arguments) throws Exception {
        return channel.queueDeclare(fresh("java"), true, false, false, arguments).getQueue();
    }

    private static void put(Channel channel, String queue, String... bodies) throws Exception {
        for (String body : bodies) {
            channel.basicPublish("", queue, MessageProperties.PERSISTENT_BASIC, body.getBytes(UTF_8));
        }
    }

    private static String text(GetResponse response) {
        return response == null ? null : new String(response.getBody(), UTF_8);
    }

    private static void roundtrip(Site site) throws Exception {
        ConnectionFactory small = site.brokers.get(0).clone();
        small.setRequestedFrameMax(4096);
        try (Connection connection = small.newConnection()) {
            same(4096, connection.getFrameMax());
            check(connection.getServerProperties().containsKey("version"), "a broker has a version");
            Channel channel = connection.createChannel();
            Channel other = site.connect(1).createChannel();
            String queue = durable(channel, null);
            byte[] body = new byte[300_000];
            Arrays.fill(body, (byte) 7);
            Map<String, Object> headers = Map.of("n", -7, "long", 1L << 40, "yes", true, "list", List.of(1, 2), "when", new Date(1_000));
            AMQP.BasicProperties sent = new AMQP.BasicProperties.Builder()
                .headers(headers).deliveryMode(2).priority(3).contentType("a/b").messageId("m").timestamp(new Date(5_000))
                .expiration("60000").userId("guest").appId("a").type("t").correlationId("c").replyTo("r").contentEncoding("e").build();
            channel.confirmSelect();
            channel.basicPublish("", queue, true, sent, body);
            channel.waitForConfirmsOrDie(CONFIRM_MS);
            GetResponse got = other.basicGet(queue, false);
            check(Arrays.equals(body, got.getBody()), "the same body");
            same(sent.toString(), got.getProps().builder().headers(headers).build().toString());
            same(1L << 40, got.getProps().getHeaders().get("long"));
            same(new Date(1_000), got.getProps().getHeaders().get("when"));
            same(List.of(1, 2), got.getProps().getHeaders().get("list"));
            same(0, got.getMessageCount());
            other.basicAck(got.getEnvelope().getDeliveryTag(), false);
            same(null, other.basicGet(queue, true));
            same(0, other.queueDelete(queue).getMessageCount());
        }
    }

    private static void confirms(Site site) throws Exception {
        Channel channel = site.connect(0).createChannel();
        String queue = durable(channel, null);
        String full = durable(channel, Map.of("x-max-length", 1, "x-overflow", "reject-publish"));
        boolean[] acked = new boolean[503];
        BlockingQueue<Long> nacked = new LinkedBlockingQueue<>();
        channel.addConfirmListener(
            (tag, multiple) -> {
                synchronized (acked) {
                    Arrays.fill(acked, multiple ? 1 : (int) tag, (int) tag + 1, true);
                }
            },
            (tag, multiple) -> nacked.add(tag));
        channel.confirmSelect();
        for (int number = 1; number <= 500; number++) {
            same((long) number, channel.getNextPublishSeqNo());
            put(channel, queue, "" + number);
        }
        check(channel.waitForConfirms(CONFIRM_MS), "nothing was refused");
        synchronized (acked) {
            for (int number = 1; number <= 500; number++) {
                check(acked[number], number + " was confirmed");
            }
        }
        same(500L, channel.messageCount(queue));
        put(channel, full, "first");
        check(channel.waitForConfirms(CONFIRM_MS), "the first was taken");
        put(channel, full, "second");
        same(502L, Site.next("a nack", nacked));
        check(!channel.waitForConfirms(CONFIRM_MS), "the second was not");
        same(500, channel.queuePurge(queue).getMessageCount());
        channel.queueDelete(queue);
        same(1, channel.queueDelete(full).getMessageCount());
    }

    private static void returns(Site site) throws Exception {
        Channel channel = site.connect(0).createChannel();
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        channel.addReturnListener(
            (code, text, exchange, key, properties, body) ->
                heard.add(code + " " + text + " " + exchange + " " + key + " " + new String(body, UTF_8)));
        channel.addConfirmListener((tag, multiple) -> heard.add("ack"), (tag, multiple) -> heard.add("nack"));
        channel.confirmSelect();
        channel.basicPublish("amq.topic", "no.where", true, null, "lost".getBytes(UTF_8));
        same("312 NO_ROUTE amq.topic no.where lost", Site.next("the return", heard));
        same("ack", Site.next("the confirm", heard));
        channel.basicPublish("amq.topic", "no.where", false, null, "lost".getBytes(UTF_8));
        same("ack", Site.next("the confirm", heard));
    }

    private static void consuming(Site site) throws Exception {
        Channel channel = site.connect(0).createChannel();
        Channel publisher = site.connect(1).createChannel();
        String queue = durable(channel, null);
        put(publisher, queue, "0", "1", "2", "3", "4", "5", "6");
        channel.basicQos(3);
        Inbox inbox = Inbox.open(channel, queue);
        inbox.expect("0", false);
        long one = inbox.expect("1", false);
        long two = inbox.expect("2", false);
        inbox.expectNothing(300);
        channel.basicNack(one, false, true);
        channel.basicReject(inbox.expect("1", true), false);
        inbox.expect("3", false);
        channel.basicAck(two, true);
        inbox.expect("4", false);
        inbox.expect("5", false);
        same(1L, channel.consumerCount(queue));
        channel.basicCancel(inbox.getConsumerTag());
        channel.basicNack(0, true, true);
        Site.await("all to be ready", () -> publisher.messageCount(queue) == 4);
        List<String> left = new ArrayList<>();
        for (GetResponse got; (got = publisher.basicGet(queue, true)) != null; ) {
            left.add(text(got) + " " + got.getEnvelope().isRedeliver());
        }
        same(List.of("3 true", "4 true", "5 true", "6 false"), left);
        channel.queueDelete(queue);
    }

    private static void exclusive(Site site) throws Exception {
        Connection owner = site.connect(0);
        Connection stranger = site.connect(1);
        Channel channel = owner.createChannel();
        String own = channel.queueDeclare().getQueue();
        check(own.startsWith("amq.gen-"), own);
        String locked = "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + own + "' in vhost '/'. It could be "
            + "originally declared on another connection or the exclusive property value does not match that of the original declaration.";
        refused(405, locked, () -> stranger.createChannel().queueDeclarePassive(own));
        String shared = durable(channel, null);
        channel.basicConsume(shared, false, "", false, true, null, (tag, message) -> {}, tag -> {});
        String inUse = "ACCESS_REFUSED - queue '" + shared + "' in vhost '/' in exclusive use";
        refused(403, inUse, () -> stranger.createChannel().basicConsume(shared, (tag, message) -> {}, tag -> {}));
        Channel watching = stranger.createChannel();
        String gone = durable(watching, null);
        Inbox inbox = Inbox.open(watching, gone);
        channel.queueDelete(gone);
        same(inbox.getConsumerTag(), Site.next("the cancellation", inbox.cancelled));
        channel.queueDelete(shared);
        owner.close();
        refused(404, "NOT_FOUND - no queue '" + own + "' in vhost '/'", () -> stranger.createChannel().queueDeclarePassive(own));
    }

    private static void errors(Site site) throws Exception {
        Connection connection = site.connect(0);
        String queue = durable(connection.createChannel(), null);
        refused(404, "NOT_FOUND - no queue 'nothing' in vhost '/'", () -> connection.createChannel().queueDeclarePassive("nothing"));
        refused(404, "NOT_FOUND - no queue 'nothing' in vhost '/'", () -> connection.createChannel().basicGet("nothing", true));
        refused(
            404,
            "NOT_FOUND - no exchange 'nothing' in vhost '/'",
            () -> connection.createChannel().queueBind(queue, "nothing", ""));
        refused(
            403,
            "ACCESS_REFUSED - exchange name 'amq.x' contains reserved prefix 'amq.*'",
            () -> connection.createChannel().exchangeDeclare("amq.x", BuiltinExchangeType.DIRECT));
        refused(
            406,
            "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '" + queue
                + "' in vhost '/': received 'false' but current is 'true'",
            () -> connection.createChannel().queueDeclare(queue, false, false, false, null));
        refused(
            406,
            "PRECONDITION_FAILED - cannot switch from confirm to tx mode",
            () -> {
                Channel channel = connection.createChannel();
                channel.confirmSelect();
                channel.txSelect();
            });
        later(connection, 404, "NOT_FOUND - no exchange 'nothing' in vhost '/'", channel -> channel.basicPublish("nothing", "", null, new byte[0]));
        later(connection, 406, "PRECONDITION_FAILED - unknown delivery tag 5", channel -> channel.basicAck(5, false));
        AMQP.BasicProperties somebody = new AMQP.BasicProperties.Builder().userId("somebody").build();
        later(
            connection,
            406,
            "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'",
            channel -> channel.basicPublish("", queue, somebody, new byte[0]));
        Channel channel = connection.createChannel();
        put(channel, queue, "x");
        refused(406, "PRECONDITION_FAILED - queue '" + queue + "' in vhost '/' not empty", () -> channel.queueDelete(queue, false, true));
        connection.createChannel().queueDelete(queue);
    }

    private interface OnChannel {
        void run(Channel channel) throws Exception;
    }

    /** For methods that are not answered. */
    private static void later(Connection connection, int code, String text, OnChannel action) throws Exception {
        Channel channel = connection.createChannel();
        BlockingQueue<ShutdownSignalException> signals = new LinkedBlockingQueue<>();
        channel.addShutdownListener(signals::add);
        action.run(channel);
        ShutdownSignalException signal = Site.next("the end of the channel", signals);
        check(!signal.isHardError(), "the connection goes on");
        Site.reason(code, text, signal);
    }

    private static void connectionErrors(Site site) throws Exception {
        ConnectionFactory wrong = site.brokers.get(0).clone();
        wrong.setPassword("wrong");
        try {
            wrong.newConnection();
            throw new AssertionError("a wrong password was taken");
        } catch (AuthenticationFailureException error) {
            same(
                "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
                error.getMessage());
        }
        ConnectionFactory elsewhere = site.brokers.get(0).clone();
        elsewhere.setVirtualHost("nowhere");
        refused(530, "NOT_ALLOWED - vhost nowhere not found", elsewhere::newConnection);
        Connection connection = site.connect(0);
        BlockingQueue<ShutdownSignalException> signals = new LinkedBlockingQueue<>();
        connection.addShutdownListener(signals::add);
        connection.createChannel().basicPublish("", "x", false, true, null, new byte[0]);
        Site.reason(540, "NOT_IMPLEMENTED - immediate=true", Site.next("the end of the connection", signals));
    }

    private static void transactions(Site site) throws Exception {
        Channel channel = site.connect(0).createChannel();
        Channel other = site.connect(1).createChannel();
        String queue = durable(channel, null);
        channel.txSelect();
        put(channel, queue, "never");
        channel.txRollback();
        put(channel, queue, "a", "b");
        same(null, other.basicGet(queue, true));
        channel.txCommit();
        same("a", text(other.basicGet(queue, true)));
        GetResponse held = channel.basicGet(queue, false);
        same("b", text(held));
        channel.basicAck(held.getEnvelope().getDeliveryTag(), false);
        channel.txRollback();
        channel.close();
        // The acknowledgement was taken back.
        Site.await("b to come back", () -> other.messageCount(queue) == 1);
        other.queueDelete(queue);
    }

    private static void calls(Channel serving, Channel asking) throws Exception {
        String queue = serving.queueDeclare(fresh("java"), false, false, true, null).getQueue();
        RpcServer server = new RpcServer(serving, queue) {
            @Override
            public byte[] handleCall(byte[] body, AMQP.BasicProperties properties) {
                return ("answer to " + new String(body, UTF_8)).getBytes(UTF_8);
            }
        };
        Thread thread = new Thread(() -> {
            try {
                server.mainloop();
            } catch (Exception error) {
                // The connection is closed at the end.
            }
        });
        thread.setDaemon(true);
        thread.start();
        RpcClient client = new RpcClient(
            new RpcClientParams().channel(asking).exchange("").routingKey(queue).replyTo("amq.rabbitmq.reply-to").timeout(CONFIRM_MS));
        for (int number = 0; number < 20; number++) {
            same("answer to " + number, client.stringCall("" + number));
        }
        client.close();
    }

    private static void deadLetters(Site site) throws Exception {
        Channel channel = site.connect(0).createChannel();
        String target = durable(channel, null);
        Map<String, Object> arguments = Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", target, "x-message-ttl", 300);
        String source = durable(channel, arguments);
        put(channel, source, "expires");
        Inbox inbox = Inbox.open(channel, target);
        inbox.expect("expires", false);
        inbox.expectNothing(100);
        channel.queueDelete(source);
        channel.queueDelete(target);
    }
}
