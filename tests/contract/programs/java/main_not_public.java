public class NotPublic { static void main(String[] args) { System.out.println("not public"); } }
