public class Inherits extends Parent { void main(int other) {} }
class Parent { public static void main(String[] args) { System.out.println("inherited"); throw new RuntimeException("inherited"); } }
