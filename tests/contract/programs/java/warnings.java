import java.util.*;
public class Warns {
    @SuppressWarnings("none") @Deprecated static void old() {}
    public static void main(String[] args) { List list = new ArrayList(); list.add(1); new Date(1, 2, 3); Thread.currentThread().stop(); System.out.println(list); }
}
