package quorate.interop.curator;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.zookeeper.KeeperException;

/**
 * Curator's service discovery: instances come and go for others too, and those that stay are there. Not at every moment:
 * after a lost connection Curator removes an instance and registers it again.
 */
final class Discovery extends Recipe {
    private static final String SERVICE = "service";
    private static final int STEADY = 3;
    private static final int WAIT_SECONDS = 20;

    private final List<ServiceDiscovery<Void>> discoveries = new ArrayList<>();
    private int count;

    Discovery() {
        super("discovery", 1);
    }

    @Override
    void prepare(CuratorFramework client) throws Exception {
        for (int number = 0; number < STEADY; number++) {
            discoveries.add(ServiceDiscoveryBuilder.builder(Void.class)
                    .client(site().client(number))
                    .basePath(folder())
                    .thisInstance(instance(steady(number)))
                    .build());
        }
        for (ServiceDiscovery<Void> discovery : discoveries) {
            discovery.start();
        }
    }

    private static ServiceInstance<Void> instance(String id) throws Exception {
        return ServiceInstance.<Void>builder().name(SERVICE).id(id).address("127.0.0.1").port(1).build();
    }

    @Override
    void round(CuratorFramework client, int contender) throws Exception {
        ServiceInstance<Void> guest = instance("guest-" + count++);
        ServiceDiscovery<Void> host = discoveries.get(count % STEADY);
        ServiceDiscovery<Void> other = discoveries.get((count + 1) % STEADY);
        host.registerService(guest);
        expect(other, guest.getId(), true);
        host.unregisterService(guest);
        expect(other, guest.getId(), false);
        Thread.sleep(5);
    }

    private void expect(ServiceDiscovery<Void> discovery, String guest, boolean present) throws Exception {
        Set<String> expected = IntStream.range(0, STEADY).mapToObj(Discovery::steady).collect(Collectors.toSet());
        if (present) {
            expected.add(guest);
        }
        if (!Waiting.until(WAIT_SECONDS, () -> ids(discovery).equals(expected))) {
            wrong("others see %s after %d s, not %s", ids(discovery), WAIT_SECONDS, expected);
        }
    }

    private static String steady(int number) {
        return "steady-" + number;
    }

    private static Set<String> ids(ServiceDiscovery<Void> discovery) throws Exception {
        while (true) {
            try {
                Collection<ServiceInstance<Void>> instances = discovery.queryForInstances(SERVICE);
                return instances.stream().map(ServiceInstance::getId).collect(Collectors.toSet());
            } catch (KeeperException.NoNodeException error) {
                // An instance went away between the listing and the look at it.
            }
        }
    }

    @Override
    void finish(CuratorFramework client) throws Exception {
        for (ServiceDiscovery<Void> discovery : discoveries) {
            discovery.close();
        }
    }
}
