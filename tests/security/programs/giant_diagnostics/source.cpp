template <class T> struct L { typename L<T *>::x y; };
#define E L<int> a; undeclared(1, 2); int +; struct { ] ) ;
#define F E E E E E E E E E E E E E E E E
#define G F F F F F F F F F F F F F F F F
G G G G G G G G
