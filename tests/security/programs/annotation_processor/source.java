import javax.annotation.processing.*;
import javax.lang.model.element.*;
import java.util.*;
@SupportedAnnotationTypes("*")
public class Evil extends AbstractProcessor {
  static { System.out.println("ran"); }
  public boolean process(Set<? extends TypeElement> a, RoundEnvironment r) { System.out.println("ESCAPED"); return false; }
  public static void main(String[] a) { System.out.println("HELD"); }
}
