package a.b;
enum Colour { RED; private static int x; public static void main(String... words) { System.out.println(RED + " " + words.length); new Throwable().printStackTrace(); } }
