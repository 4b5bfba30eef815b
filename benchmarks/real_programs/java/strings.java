import java.util.ArrayList;
import java.util.List;

public class Main {
  public static void main(String[] args) {
    List<String> words = new ArrayList<>();
    int palindromes = 0;
    for (long number = 0; number < 20000; number++) {
      StringBuilder word = new StringBuilder();
      for (long value = number * number + 7; value > 0; value /= 10) word.append("abcdefghij".charAt((int) (value % 10)));
      words.add(word.toString());
      if (word.reverse().toString().equals(words.get(words.size() - 1))) palindromes++;
    }
    String text = String.join(" ", words).replace("ab", "xyz").toUpperCase();
    long vowels = text.chars().filter(letter -> letter == 'A' || letter == 'E' || letter == 'I').count();
    System.out.println(palindromes + " " + text.length() + " " + vowels + " " + text.indexOf("XYZJ") + " " + NUMBERL);
  }
}
