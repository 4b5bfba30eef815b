public class Returns { public static int main(String[] args) { return 1; } public static void main() { } }
