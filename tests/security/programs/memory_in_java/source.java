import java.util.*;
class Hog { public static void main(String[] a) { List<long[]> held = new ArrayList<>(); while (true) held.add(new long[1 << 17]); } }
