package quorate.interop.amqp;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.Envelope;
import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** A consumer that keeps what comes, and the tags with which the broker cancels it. */
final class Inbox extends DefaultConsumer {
    final BlockingQueue<String> cancelled = new LinkedBlockingQueue<>();
    private final BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();

    private Inbox(Channel channel) {
        super(channel);
    }

    static Inbox open(Channel channel, String queue) throws IOException {
        Inbox inbox = new Inbox(channel);
        channel.basicConsume(queue, false, inbox);
        return inbox;
    }

    @Override
    public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body) {
        deliveries.add(new Delivery(envelope, properties, body));
    }

    @Override
    public void handleCancel(String tag) {
        cancelled.add(tag);
    }

    /** The next delivery, which must have that body and flag. Its tag. */
    long expect(String body, boolean redelivered) throws InterruptedException {
        Delivery delivery = Site.next(body, deliveries);
        Site.same(body + " " + redelivered, new String(delivery.getBody(), UTF_8) + " " + delivery.getEnvelope().isRedeliver());
        return delivery.getEnvelope().getDeliveryTag();
    }

    void expectNothing(long ms) throws InterruptedException {
        Thread.sleep(ms);
        Site.same(0, deliveries.size());
    }
}
