public class Throws { public static void main(String[] args) throws Exception { throw new java.io.IOException("checked"); } }
