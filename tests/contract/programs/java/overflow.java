public class Overflow { static int deep(int n) { return deep(n + 1) + 1; } public static void main(String[] args) { deep(0); } }
