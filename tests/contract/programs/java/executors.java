import java.util.concurrent.*;
import java.util.stream.*;
public class Executors2 {
    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(2);
        System.out.println(pool.submit(() -> Thread.currentThread().getName()).get());
        pool.shutdown();
        System.out.println(IntStream.range(0, 100000).parallel().sum() + " " + CompletableFuture.supplyAsync(() -> "done").get());
    }
}
