import java.util.*;
public class Warns { public static void main(String[] args) { List list = new ArrayList(); list.add(1); new Date(1, 2, 3); nothing(); } }
