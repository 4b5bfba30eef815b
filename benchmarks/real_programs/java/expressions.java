import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Main {
  static final Pattern PATTERN = Pattern.compile(
      "^(user[0-9]+)@(example[0-5]\\.com) ([0-9]{4})-(0[1-6])-([0-9]{2}) (GET|POST) /page/([1-8][0-9])$");

  public static void main(String[] args) {
    long seed = 3;
    int count = 0, days = 0;
    for (int number = 0; number < 4000; number++) {
      seed = seed * 16807 % 2147483647;
      long day = seed % 28 + 1, month = seed / 28 % 12 + 1;
      String line = String.format("user%d@example%d.com 2026-%02d-%02d GET /page/%d", seed % 500, number % 7, month,
          day, number % 90);
      Matcher found = PATTERN.matcher(line);
      if (found.matches()) {
        count++;
        days += Integer.parseInt(found.group(5));
      }
    }
    System.out.println(count + " " + days + " " + NUMBERL);
  }
}
