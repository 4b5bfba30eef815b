public class Bomb {
  public static void main(String[] a) {
    try {
      for (int i = 0; i < 20000; i++) {
        Thread t = new Thread(() -> { while (true) try { Thread.sleep(100000); } catch (InterruptedException e) { } });
        t.setDaemon(true);
        t.start();
      }
      System.out.println("ESCAPED");
    } catch (OutOfMemoryError e) {
      System.out.println("HELD");
    }
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }
}
