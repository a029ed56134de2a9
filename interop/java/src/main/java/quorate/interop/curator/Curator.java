package quorate.interop.curator;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs Curator's recipes, all at once, each with several clients, for as long as standard input stays open: whoever
 * started this program kills servers meanwhile. Writes JSON, an object a line: again and again how many rounds each
 * recipe has done ({@code {"rounds": {"mutex": 7}}}), and at the end a verdict for each ({@link Recipe#verdict}).
 *
 * <p>Usage: {@code Curator HOSTS RECIPE...}
 */
public final class Curator {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long REPORT_MS = 50;

    private Curator() {}

    public static void main(String[] arguments) throws Exception {
        List<Recipe> recipes = List.of(arguments).subList(1, arguments.length).stream().map(Curator::recipe).toList();
        try (Site site = new Site(arguments[0])) {
            for (Recipe recipe : recipes) {
                recipe.start(site);
            }
            Thread reporter = report(recipes);
            waitForEndOfInput();
            site.stop();
            for (Recipe recipe : recipes) {
                print(recipe.verdict());
            }
            reporter.interrupt();
            reporter.join();
        }
    }

    private static Recipe recipe(String name) {
        return switch (name) {
            case "mutex" -> new Mutex();
            case "read-write-lock" -> new ReadWriteLock();
            case "semaphore" -> new Semaphore();
            case "leader-latch" -> new Latch();
            case "leader-selector" -> new Selector();
            case "barrier" -> new Barrier();
            case "atomic-long" -> new AtomicLong();
            case "shared-count" -> new Count();
            case "caches" -> new Caches();
            case "persistent-node" -> new Persistent();
            case "transactions" -> new Transactions();
            case "node-kinds" -> new NodeKinds();
            case "discovery" -> new Discovery();
            default -> throw new IllegalArgumentException("no recipe " + name);
        };
    }

    private static Thread report(List<Recipe> recipes) {
        Thread reporter = new Thread(() -> {
            try {
                while (true) {
                    Map<String, Integer> rounds = new LinkedHashMap<>();
                    recipes.forEach(recipe -> rounds.put(recipe.name(), recipe.rounds()));
                    print(Map.of("rounds", rounds));
                    Thread.sleep(REPORT_MS);
                }
            } catch (InterruptedException stopped) {
                // The verdicts have been printed.
            }
        });
        reporter.start();
        return reporter;
    }

    private static void waitForEndOfInput() throws IOException {
        while (System.in.read() >= 0) {
            // Only its end says anything.
        }
    }

    private static synchronized void print(Map<String, ?> line) {
        try {
            System.out.println(JSON.writeValueAsString(line));
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }
}
