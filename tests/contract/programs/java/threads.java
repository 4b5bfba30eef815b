public class Threads {
    public static void main(String[] args) {
        new Thread(() -> { sleep(50); System.out.println("outlives main"); }).start();
        Thread daemon = new Thread(() -> { sleep(60000); System.out.println("never"); }); daemon.setDaemon(true); daemon.start();
        System.out.println("main ends");
        throw new RuntimeException("main fails, and the exit code says so");
    }
    static void sleep(long ms) { try { Thread.sleep(ms); } catch (InterruptedException e) { throw new RuntimeException(e); } }
}
