public class NotStatic { public void main(String[] args) { System.out.println("instance"); } }
