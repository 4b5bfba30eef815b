package some.where;
public interface Shape { static void main(String[] args) { System.out.println(Shape.class); throw new RuntimeException(); } }
