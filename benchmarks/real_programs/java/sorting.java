import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

public class Main {
  record Person(int age, int city, int number) {}

  public static void main(String[] args) {
    long seed = 7, sum = 0;
    List<Person> people = new ArrayList<>();
    for (int number = 0; number < 60000; number++) {
      seed = seed * 16807 % 2147483647;
      people.add(new Person((int) (seed % 90), (int) (seed / 90 % 1000), number));
    }
    people.sort(Comparator.comparingInt((Person person) -> -person.age()).thenComparingInt(Person::city)
        .thenComparingInt(Person::number));
    for (int place = 0; place < people.size(); place++) sum += place % 100 * (long) people.get(place).number();
    System.out.println(sum + " " + NUMBERL);
  }
}
