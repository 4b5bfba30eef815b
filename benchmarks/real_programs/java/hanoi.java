import java.util.ArrayList;
import java.util.List;

public class Main {
  static final List<Integer> moves = new ArrayList<>();

  static void move(int count, int source, int target, int spare) {
    if (count == 0) return;
    move(count - 1, source, spare, target);
    moves.add(source * 3 + target);
    move(count - 1, spare, target, source);
  }

  public static void main(String[] args) {
    move(16, 0, 1, 2);
    long sum = 0;
    for (int place = 0; place < moves.size(); place++) sum += place * moves.get(place) % 7;
    System.out.println(moves.size() + " " + sum + " " + NUMBERL);
  }
}
