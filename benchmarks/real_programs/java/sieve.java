import java.util.Arrays;

public class Main {
  public static void main(String[] args) {
    int limit = 1000000;
    boolean[] prime = new boolean[limit + 1];
    Arrays.fill(prime, 2, limit + 1, true);
    for (int number = 2; number <= 1000; number++)
      if (prime[number])
        for (int multiple = number * number; multiple <= limit; multiple += number) prime[multiple] = false;
    long count = 0, sum = 0;
    for (int number = 0; number <= limit; number++)
      if (prime[number]) {
        count++;
        sum += number;
      }
    System.out.println(count + " " + sum + " " + NUMBERL);
  }
}
