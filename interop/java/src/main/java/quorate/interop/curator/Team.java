package quorate.interop.curator;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.curator.framework.CuratorFramework;

/** Threads that do the same thing at the same time, each with a client of the site. */
final class Team implements AutoCloseable {
    private final Site site;
    private final int size;
    private final ExecutorService threads;

    interface Work {
        void run(CuratorFramework client) throws Exception;
    }

    Team(Site site, int size) {
        this.site = site;
        this.size = size;
        threads = Executors.newFixedThreadPool(size);
    }

    /** Sets everybody to work; {@link #join} waits. */
    List<Future<?>> start(Work work) {
        List<Future<?>> working = new ArrayList<>();
        for (int member = 0; member < size; member++) {
            CuratorFramework client = site.client(member);
            working.add(threads.submit((Callable<Void>) () -> {
                work.run(client);
                return null;
            }));
        }
        return working;
    }

    /** Waits for all; then the first error, if any, is the caller's. */
    static void join(List<Future<?>> working) throws Exception {
        Exception first = null;
        for (Future<?> future : working) {
            try {
                future.get();
            } catch (ExecutionException error) {
                if (first == null) {
                    first = error.getCause() instanceof Exception cause ? cause : error;
                }
            }
        }
        if (first != null) {
            throw first;
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
