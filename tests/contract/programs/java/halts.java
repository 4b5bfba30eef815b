public class Halts { public static void main(String[] args) { System.out.print("partial"); Runtime.getRuntime().halt(9); } }
