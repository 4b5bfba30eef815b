import java.math.BigInteger;

public class Fibonacci {
    public static void main(String[] arguments) {
        BigInteger current = BigInteger.ZERO, next = BigInteger.ONE;
        for (int i = 0; i < 100; i++) {
            BigInteger sum = current.add(next);
            current = next;
            next = sum;
        }
        System.out.println("F(100) = " + current);
    }
}
