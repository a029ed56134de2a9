package quorate.interop.amqp;

import com.rabbitmq.client.ConnectionFactory;
import java.util.ArrayList;
import java.util.List;

/**
 * Drives brokers with RabbitMQ's Java client. Each scenario prints its name and "ok"; the first thing that is not as it
 * should be ends the program with a stack trace and exit status 1. The scenario "recovery" is another one, see there.
 *
 * <p>Usage: {@code Amqp URL[,URL...] SCENARIO...}
 */
public final class Amqp {
    private Amqp() {}

    public static void main(String[] arguments) throws Exception {
        List<ConnectionFactory> brokers = new ArrayList<>();
        for (String url : arguments[0].split(",")) {
            ConnectionFactory factory = new ConnectionFactory();
            factory.setUri(url);
            brokers.add(factory);
        }
        for (String name : List.of(arguments).subList(1, arguments.length)) {
            if (name.equals("recovery")) {
                new Recovery(brokers).run();
                continue;
            }
            try (Site site = new Site(brokers)) {
                Scenarios.run(name, site);
            }
            System.out.println(name + " ok");
        }
        System.exit(0);
    }
}
