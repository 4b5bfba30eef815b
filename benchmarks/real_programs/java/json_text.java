import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public class Main {
  static String text;
  static int place;

  static boolean accept(String expected) {
    if (!text.startsWith(expected, place)) return false;
    place += expected.length();
    return true;
  }

  static void expect(String expected) {
    if (!accept(expected)) throw new IllegalStateException("expected " + expected + " at " + place);
  }

  static Object value() {
    if (accept("{")) return object();
    if (accept("[")) return array();
    if (accept("\"")) return word();
    if (accept("true")) return true;
    if (accept("false")) return false;
    int start = place;
    while (Character.isDigit(text.charAt(place))) place++;
    return Long.parseLong(text.substring(start, place));
  }

  static String word() {
    int end = text.indexOf('"', place);
    String found = text.substring(place, end);
    place = end + 1;
    return found;
  }

  static List<Object> array() {
    List<Object> made = new ArrayList<>();
    while (!accept("]")) {
      made.add(value());
      accept(",");
    }
    return made;
  }

  static Map<String, Object> object() {
    Map<String, Object> made = new LinkedHashMap<>();
    while (!accept("}")) {
      expect("\"");
      String name = word();
      expect(":");
      made.put(name, value());
      accept(",");
    }
    return made;
  }

  public static void main(String[] args) {
    long seed = 11, total = 0;
    StringBuilder made = new StringBuilder("[");
    for (int number = 0; number < 5000; number++) {
      seed = seed * 16807 % 2147483647;
      made.append(number > 0 ? "," : "").append("{\"id\":").append(number).append(",\"name\":\"name")
          .append(seed % 977).append("\",\"scores\":[").append(seed % 10).append(",").append(seed % 100)
          .append("],\"on\":").append(seed % 2 == 0).append("}");
    }
    text = made.append("]").toString();
    for (Object each : (List<?>) value()) {
      Map<?, ?> record = (Map<?, ?>) each;
      if (!(Boolean) record.get("on")) continue;
      total += (Long) record.get("id") + ((String) record.get("name")).length();
      for (Object score : (List<?>) record.get("scores")) total += (Long) score;
    }
    System.out.println(text.length() + " " + total + " " + NUMBERL);
  }
}
