/* What a storm starts: a small static program that ends at once. */
int main(void)
{
	return 0;
}
