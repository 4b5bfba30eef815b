import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

public class Main {
  public static void main(String[] args) {
    List<Integer> digits = new ArrayList<>(List.of(1));
    BigInteger product = BigInteger.ONE;
    for (int factor = 2; factor <= 400; factor++) {
      int carry = 0;
      for (int place = 0; place < digits.size(); place++) {
        carry += digits.get(place) * factor;
        digits.set(place, carry % 10);
        carry /= 10;
      }
      for (; carry > 0; carry /= 10) digits.add(carry % 10);
      product = product.multiply(BigInteger.valueOf(factor));
    }
    if (product.toString().length() != digits.size()) throw new IllegalStateException();
    System.out.println(digits.size() + " " + digits.stream().mapToInt(Integer::intValue).sum() + " " + NUMBERL);
  }
}
